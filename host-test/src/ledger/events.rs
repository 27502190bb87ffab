//! What moves a payment: events, and what the provider's API says when asked. An event, its payment
//! and the flow's transition are one transaction.

#[cfg(test)]
mod tests;

use rusqlite::{Connection, params};

use super::installations::mode_word;
use super::last_deliveries::note_verified;
use super::payments::{
    Attempt, Order, Scope, StoredPayment, find, find_by_alias, find_by_attempt, find_by_row,
    find_taken, insert,
};
use super::rule::{Decision, Known, decide, is_final};
use super::transitions::tell_flow;
use super::{Ledger, LedgerError, early};
use crate::contract::types::{Authority, Awaited, Event, EventSubject, Payment};

/// What the provider says when asked about an event that cannot be placed.
pub enum Truth {
    /// It was not asked yet.
    NotAsked,
    /// This, asked for when the payment was of this version.
    Fetched(Box<Payment>, u64),
    /// It could not be asked.
    CouldNotAsk,
}

/// What came of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is known.
    Duplicate,
    /// The payment is not one of ours.
    Foreign,
    /// The payment is ours and not written down yet: the event is kept until it is.
    Early,
    /// Nothing was written: the provider has to be asked first, now that the payment is of this
    /// version.
    MustAsk(u64),
    /// It is written down, and the payment with it.
    Recorded,
}

/// What came of an answer of the provider's.
#[derive(Debug)]
pub enum Asked {
    /// The payment is not one of ours.
    Foreign,
    /// The payment has changed since the provider was asked, and is of this version now: it has to
    /// be asked again.
    Outdated(u64),
    /// It is written down.
    Recorded(Box<StoredPayment>),
}

impl Ledger {
    /// Writes down the answer to the creation of a payment. One that is known better by now stays
    /// as it is: the answer may be the first one, repeated. None: the answer is of another mode.
    pub fn record_created(
        &mut self,
        scope: &Scope,
        order: &Order,
        attempt: &Attempt,
        payment: &Payment,
        now: u64,
    ) -> Result<Option<StoredPayment>, LedgerError> {
        if payment.mode != scope.mode {
            return Ok(None);
        }
        let transaction = self.write()?;
        let own = find_by_attempt(&transaction, scope, &attempt.id)?;
        // Somebody else who asked and was told no may have given the reference back.
        if own.is_none() && find_taken(&transaction, scope, &order.reference)?.is_none() {
            insert(&transaction, scope, order, attempt)?;
        }
        let known = match own {
            Some(own) => Some(own),
            None => find_taken(&transaction, scope, &order.reference)?,
        };
        let Some(known) = known else {
            return Ok(None);
        };
        let decision = match known.name {
            None => judge(&known, payment, Authority::Fetched, payment.created_at),
            Some(_) => Decision::KeepStatus,
        };
        // As old as the provider says, so that the events that follow are newer.
        let as_of =
            Known { as_of: payment.created_at, authority: Authority::Signed, ..state(&known) };
        apply(&transaction, scope, &known, payment, decision, as_of, now)?;
        // What came before the payment was known. Where that cannot be placed, the provider is
        // asked: the payment is not settled until then.
        let early = early::take(&transaction, scope, &order.reference, &known.attempt.id)?;
        for (event, received_at) in early.events {
            if let Some(known) = find_by_row(&transaction, known.row)? {
                take(&transaction, scope, &known, &event, &Truth::CouldNotAsk, received_at, now)?;
            }
        }
        if early.has_unreadable {
            transaction.execute("UPDATE payments SET settled = 0 WHERE id = ?1", [known.row])?;
        }
        let stored = find_by_row(&transaction, known.row)?;
        transaction.commit()?;
        Ok(stored)
    }

    /// Writes down what the provider said when asked, if the payment is still of the version of
    /// that time.
    pub fn record_fetched(
        &mut self,
        scope: &Scope,
        payment: &Payment,
        version: Option<u64>,
        now: u64,
    ) -> Result<Asked, LedgerError> {
        let transaction = self.write()?;
        let Some(known) = find(&transaction, scope, payment)? else {
            return Ok(Asked::Foreign);
        };
        if version != Some(known.version) {
            return Ok(Asked::Outdated(known.version));
        }
        let decision = judge(&known, payment, Authority::Fetched, known.as_of);
        // No time of ours says which events came before: those that follow are asked about.
        let as_of = Known { authority: Authority::Fetched, ..state(&known) };
        apply(&transaction, scope, &known, payment, decision, as_of, now)?;
        let stored = find_by_row(&transaction, known.row)?.unwrap_or(known);
        transaction.commit()?;
        Ok(Asked::Recorded(Box::new(stored)))
    }

    /// Writes down a verified event, and what it does to its payment and to the flow: all of it or
    /// nothing. It was delivered to an installation, or found when the provider was asked.
    pub fn record_event(
        &mut self,
        scope: &Scope,
        delivered_to: Option<&str>,
        event: &Event,
        truth: &Truth,
        now: u64,
    ) -> Result<Recorded, LedgerError> {
        let transaction = self.write()?;
        if let Some(installation) = delivered_to {
            note_verified(&transaction, installation, now)?;
        }
        let is_known = transaction
            .prepare_cached(
                "SELECT 1 FROM events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            )?
            .exists([&scope.workspace, &scope.provider, &event.id])?;
        let known = match &event.subject {
            EventSubject::Payment(payment) => find(&transaction, scope, payment)?,
            about => match about.payment_id() {
                Some(id) => find_by_alias(&transaction, scope, id)?,
                None => None,
            },
        };
        let recorded = if is_known {
            Recorded::Duplicate
        } else if let Some(known) = known {
            take(&transaction, scope, &known, event, truth, now, now)?
        } else if let EventSubject::Payment(payment) = &event.subject
            && let Some(reference) = &payment.reference
            && payment.mode == scope.mode
        {
            early::keep(&transaction, scope, event, reference, now)?;
            Recorded::Early
        } else {
            Recorded::Foreign
        };
        // Nothing was written where the provider has to be asked first.
        if !matches!(recorded, Recorded::MustAsk(_)) {
            transaction.commit()?;
        }
        Ok(recorded)
    }
}

/// Takes an event of a payment that is known: a part of the transaction that takes it. A refund or a
/// dispute says that something has happened to the payment, and what was fetched for an event may be
/// older than what is known by now: the provider is asked.
fn take(
    connection: &Connection,
    scope: &Scope,
    known: &StoredPayment,
    event: &Event,
    truth: &Truth,
    received_at: u64,
    now: u64,
) -> Result<Recorded, LedgerError> {
    let (news, decision) = match &event.subject {
        EventSubject::Payment(news) if event.authority == Authority::Signed => {
            (Some(news), judge(known, news, event.authority, event.occurred_at))
        }
        _ => (None, Decision::Ask),
    };
    match (decision, truth) {
        (Decision::Ask, Truth::NotAsked) => return Ok(Recorded::MustAsk(known.version)),
        (Decision::Ask, Truth::Fetched(_, version)) if *version != known.version => {
            return Ok(Recorded::MustAsk(known.version));
        }
        (Decision::Ask, Truth::Fetched(payment, _)) => {
            let decision = judge(known, payment, Authority::Fetched, event.occurred_at);
            let asked = state(known).after(payment.status, Authority::Fetched, event.occurred_at);
            apply(connection, scope, known, payment, decision, asked, now)?;
        }
        (Decision::Ask, Truth::CouldNotAsk) => {
            connection.execute(
                "UPDATE payments SET settled = 0, version = version + 1 WHERE id = ?1",
                [known.row],
            )?;
        }
        _ => {
            if let Some(news) = news {
                let said = state(known).after(news.status, event.authority, event.occurred_at);
                apply(connection, scope, known, news, decision, said, now)?;
            }
        }
    }
    connection.execute(
        "INSERT INTO events (workspace, provider, event, type, occurred_at, received_at, payment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            scope.workspace,
            scope.provider,
            event.id,
            event.event_type,
            event.occurred_at,
            received_at,
            known.row
        ],
    )?;
    Ok(Recorded::Recorded)
}

fn judge(
    known: &StoredPayment,
    news: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    decide(&known.amount, state(known), news, authority, occurred_at)
}

/// What is known of a payment, as far as the rule is concerned.
fn state(known: &StoredPayment) -> Known {
    Known { status: known.status, as_of: known.as_of, authority: known.authority }
}

fn apply(
    connection: &Connection,
    scope: &Scope,
    known: &StoredPayment,
    news: &Payment,
    decision: Decision,
    Known { as_of, authority, .. }: Known,
    now: u64,
) -> Result<(), LedgerError> {
    let is_new_state = decision == Decision::Apply;
    let status = if is_new_state { news.status } else { known.status };
    let settled = decision != Decision::Unsettled;
    // Nobody pays any more on the page of a payment that is decided or authorised.
    let is_over = is_final(status) || matches!(news.awaits, Awaited::Completion(_));
    if is_new_state || decision == Decision::Unsettled {
        let failure = news.failure.as_ref().and_then(|why| serde_json::to_string(why).ok());
        connection.execute(
            "UPDATE payments
             SET name = ?2, status = ?3, provider_status = ?4, received = ?5, failure = ?6,
                 checkout_url = iif(?11, NULL, coalesce(?7, checkout_url)), as_of = ?8,
                 authority = ?9, settled = ?10, version = version + 1
             WHERE id = ?1",
            params![
                known.row,
                news.id,
                status.as_str(),
                news.provider_status,
                news.received,
                failure,
                news.checkout_url(),
                as_of,
                authority.as_str(),
                settled,
                is_over
            ],
        )?;
    } else if authority == Authority::Fetched {
        // The provider was asked, and the status could not change.
        connection.execute("UPDATE payments SET settled = 1 WHERE id = ?1", [known.row])?;
    }
    // A source that does not say never overwrites what is known, and an event may be an old one.
    let refunded = match authority {
        Authority::Fetched => news.refunded.or(known.refunded),
        Authority::Signed => news.refunded.max(known.refunded),
    };
    connection.execute(
        "UPDATE payments SET refunded = ?2, version = version + (refunded IS NOT ?2) WHERE id = ?1",
        params![known.row, refunded],
    )?;
    for alias in &news.aliases {
        connection.execute(
            "INSERT OR IGNORE INTO aliases (workspace, provider, mode, alias, payment)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![scope.workspace, scope.provider, mode_word(scope.mode), alias, known.row],
        )?;
    }
    tell_flow(connection, known.row, status, now)
}
