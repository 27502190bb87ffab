//! What moves a payment: events, and what the provider's API says when asked. An event, its payment
//! and the flow's transition are one transaction.

use rusqlite::{Connection, params};

use super::installations::mode_word;
use super::payments::{Scope, StoredPayment, find};
use super::rule::{Decision, Known, decide, is_final};
use super::transitions::tell_flow;
use super::{Ledger, LedgerError};
use crate::contract::types::{Authority, Payment, PaymentEvent};

/// What the provider says when asked about an event that cannot be placed.
pub enum Truth {
    /// It was not asked yet.
    NotAsked,
    /// This, at this time.
    Fetched(Box<Payment>),
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
    /// Nothing was written: the provider has to be asked first.
    MustAsk,
    /// It is written down, and the payment with it.
    Recorded,
}

impl Ledger {
    /// Writes down what the provider's API said of a payment. None: it is not one of ours.
    pub fn record_fetched(
        &mut self,
        scope: &Scope,
        payment: &Payment,
        now: u64,
    ) -> Result<Option<StoredPayment>, LedgerError> {
        let transaction = self.write()?;
        let Some(known) = find(&transaction, scope, payment)? else {
            return Ok(None);
        };
        // A payment that has just been made is as old as the provider says, so that the events that
        // follow are newer. Afterwards no time of ours says which of them came before.
        let (as_of, authority) = match known.name {
            None => (payment.created_at, Authority::Signed),
            Some(_) => (known.as_of, Authority::Fetched),
        };
        let decision = judge(&known, payment, Authority::Fetched, as_of);
        apply(&transaction, scope, &known, payment, decision, (as_of, authority), now)?;
        let stored = find(&transaction, scope, payment)?;
        transaction.commit()?;
        Ok(stored)
    }

    /// Writes down a verified event, and what it does to its payment and to the flow: all of it or
    /// nothing.
    pub fn record_event(
        &mut self,
        scope: &Scope,
        event: &PaymentEvent,
        truth: &Truth,
        now: u64,
    ) -> Result<Recorded, LedgerError> {
        let transaction = self.write()?;
        let is_known = transaction
            .prepare_cached(
                "SELECT 1 FROM events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            )?
            .exists([&scope.workspace, &scope.provider, &event.event_id])?;
        if is_known {
            return Ok(Recorded::Duplicate);
        }
        let Some(known) = find(&transaction, scope, &event.payment)? else {
            return Ok(Recorded::Foreign);
        };
        let decision = judge(&known, &event.payment, event.authority, event.occurred_at);
        let as_said = (event.occurred_at.max(known.as_of), event.authority);
        match (decision, truth) {
            (Decision::Ask, Truth::NotAsked) => return Ok(Recorded::MustAsk),
            (Decision::Ask, Truth::Fetched(payment)) => {
                let decision = judge(&known, payment, Authority::Fetched, event.occurred_at);
                let as_asked = (as_said.0, Authority::Fetched);
                apply(&transaction, scope, &known, payment, decision, as_asked, now)?;
            }
            (Decision::Ask, Truth::CouldNotAsk) => {
                transaction
                    .execute("UPDATE payments SET settled = 0 WHERE id = ?1", [known.row])?;
            }
            _ => apply(&transaction, scope, &known, &event.payment, decision, as_said, now)?,
        }
        transaction.execute(
            "INSERT INTO events (workspace, provider, event, type, occurred_at, received_at, payment)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                scope.workspace,
                scope.provider,
                event.event_id,
                event.event_type,
                event.occurred_at,
                now,
                known.row
            ],
        )?;
        transaction.commit()?;
        Ok(Recorded::Recorded)
    }
}

fn judge(
    known: &StoredPayment,
    news: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    let state = Known { status: known.status, as_of: known.as_of, authority: known.authority };
    decide(&known.amount, state, news, authority, occurred_at)
}

fn apply(
    connection: &Connection,
    scope: &Scope,
    known: &StoredPayment,
    news: &Payment,
    decision: Decision,
    (as_of, authority): (u64, Authority),
    now: u64,
) -> Result<(), LedgerError> {
    let is_new_state = decision == Decision::Apply;
    let status = if is_new_state { news.status } else { known.status };
    let settled = decision != Decision::Unsettled;
    if is_new_state || decision == Decision::Unsettled {
        let failure = news.failure.as_ref().and_then(|why| serde_json::to_string(why).ok());
        connection.execute(
            "UPDATE payments
             SET name = ?2, status = ?3, provider_status = ?4, received = ?5, failure = ?6,
                 checkout_url = iif(?11, NULL, coalesce(?7, checkout_url)), as_of = ?8, authority = ?9, settled = ?10
             WHERE id = ?1",
            params![
                known.row,
                news.id,
                status.as_str(),
                news.provider_status,
                news.received,
                failure,
                news.checkout_url,
                as_of,
                authority.as_str(),
                settled,
                is_final(status)
            ],
        )?;
    }
    // A source that does not say never overwrites what is known.
    connection.execute(
        "UPDATE payments SET refunded = coalesce(?2, refunded) WHERE id = ?1",
        params![known.row, news.refunded],
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
