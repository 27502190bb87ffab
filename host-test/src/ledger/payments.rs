//! Payments in the ledger: reserved, moved by events, and told to the flow.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::installations::mode_word;
use super::rule::{Decision, Known, Output, decide, is_final};
use super::{Ledger, LedgerError};
use crate::contract::types::{
    Authority, Mode, Money, Payment, PaymentEvent, PaymentStatus, Problem,
};

/// Whose payments: references and names are unique in here.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The workspace.
    pub workspace: String,
    /// The provider's id.
    pub provider: String,
    /// Test payments never stand in the way of live ones.
    pub mode: Mode,
}

/// A payment as the ledger knows it.
#[derive(Clone, Debug)]
pub struct StoredPayment {
    row: i64,
    /// The flow's name for it.
    pub reference: String,
    /// The provider's best name. None: the provider has not answered yet.
    pub name: Option<String>,
    /// What was asked for.
    pub amount: Money,
    /// Its status.
    pub status: PaymentStatus,
    /// The provider's own word.
    pub provider_status: String,
    /// What has been received, in minor units.
    pub received: u64,
    /// What has been given back, in minor units, as far as it is known.
    pub refunded: Option<u64>,
    /// Why the last attempt failed.
    pub failure: Option<Problem>,
    /// Where the customer pays.
    pub checkout_url: Option<String>,
    /// When it was so, by the provider's clock.
    pub as_of: u64,
    /// How that is known.
    pub authority: Authority,
    /// Whether it can be believed without asking the provider.
    pub settled: bool,
}

/// What came of reserving a reference.
#[derive(Debug)]
pub enum Reservation {
    /// It is ours: the provider may be asked. It may have been asked before, without an answer.
    Reserved,
    /// There is such a payment.
    Existing(Box<StoredPayment>),
    /// There is one with this reference and another amount.
    AmountDiffers(Money),
}

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

/// One change of a flow's output.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Transition {
    /// Its place in the order.
    pub position: u64,
    /// The payment's reference.
    pub reference: String,
    /// `Approved`, `Rejected` or `Pending`.
    pub output: String,
    /// Whether another can follow.
    pub r#final: bool,
    /// When it was written, in Unix seconds.
    pub at: u64,
}

const STATUSES: [(PaymentStatus, &str); 5] = [
    (PaymentStatus::Pending, "pending"),
    (PaymentStatus::RequiresAction, "requires-action"),
    (PaymentStatus::Approved, "approved"),
    (PaymentStatus::Rejected, "rejected"),
    (PaymentStatus::Canceled, "canceled"),
];

impl PaymentStatus {
    /// Its word in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STATUSES
            .iter()
            .find(|(status, _)| *status == self)
            .map_or("pending", |(_, word)| word)
    }

    /// A word that is not known is pending.
    fn parse(text: &str) -> Self {
        STATUSES
            .iter()
            .find(|(_, word)| *word == text)
            .map_or(Self::Pending, |(status, _)| *status)
    }
}

impl Authority {
    /// Its word in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Fetched => "fetched",
        }
    }
}

impl StoredPayment {
    const COLUMNS: &str = "payments.id, reference, name, amount, currency, status, provider_status,
         received, refunded, failure, checkout_url, as_of, authority, settled";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get(5)?;
        let failure: Option<String> = row.get(9)?;
        let authority: String = row.get(12)?;
        Ok(Self {
            row: row.get(0)?,
            reference: row.get(1)?,
            name: row.get(2)?,
            amount: Money {
                minor_units: row.get(3)?,
                currency: row.get(4)?,
            },
            status: PaymentStatus::parse(&status),
            provider_status: row.get(6)?,
            received: row.get(7)?,
            refunded: row.get(8)?,
            failure: failure.and_then(|json| serde_json::from_str(&json).ok()),
            checkout_url: row.get(10)?,
            as_of: row.get(11)?,
            authority: if authority == "signed" {
                Authority::Signed
            } else {
                Authority::Fetched
            },
            settled: row.get(13)?,
        })
    }
}

impl Ledger {
    /// A payment by its reference or any name of the provider's. Of several with the same
    /// reference, the one that is not canceled, else the latest.
    pub fn payment(&self, scope: &Scope, id: &str) -> Result<Option<StoredPayment>, LedgerError> {
        match find_by_reference(&self.connection, scope, id)? {
            Some(payment) => Ok(Some(payment)),
            None => find_by_alias(&self.connection, scope, id),
        }
    }

    /// Takes a reference for a payment, before the provider is asked.
    pub fn reserve(
        &mut self,
        scope: &Scope,
        installation: &str,
        reference: &str,
        amount: &Money,
        now: u64,
    ) -> Result<Reservation, LedgerError> {
        let transaction = self.write()?;
        if let Some(existing) = find_by_reference(&transaction, scope, reference)?
            && existing.status != PaymentStatus::Canceled
        {
            return Ok(if existing.amount != *amount {
                Reservation::AmountDiffers(existing.amount)
            } else if existing.name.is_some() {
                Reservation::Existing(Box::new(existing))
            } else {
                Reservation::Reserved
            });
        }
        transaction.execute(
            "INSERT INTO payments
                 (workspace, provider, mode, reference, installation, amount, currency, status,
                  provider_status, received, as_of, authority, settled, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', '', 0, 0, 'signed', 1, ?8)",
            params![
                scope.workspace,
                scope.provider,
                mode_word(scope.mode),
                reference,
                installation,
                amount.minor_units,
                amount.currency,
                now
            ],
        )?;
        transaction.commit()?;
        Ok(Reservation::Reserved)
    }

    /// Gives a reference back: the provider has said no, and nothing exists.
    pub fn release(&mut self, scope: &Scope, reference: &str) -> Result<(), LedgerError> {
        self.connection.execute(
            "DELETE FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
                 AND name IS NULL",
            params![
                scope.workspace,
                scope.provider,
                mode_word(scope.mode),
                reference
            ],
        )?;
        Ok(())
    }

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
        apply(
            &transaction,
            scope,
            &known,
            payment,
            decision,
            (as_of, authority),
            now,
        )?;
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
                apply(
                    &transaction,
                    scope,
                    &known,
                    payment,
                    decision,
                    as_asked,
                    now,
                )?;
            }
            (Decision::Ask, Truth::CouldNotAsk) => {
                transaction
                    .execute("UPDATE payments SET settled = 0 WHERE id = ?1", [known.row])?;
            }
            _ => apply(
                &transaction,
                scope,
                &known,
                &event.payment,
                decision,
                as_said,
                now,
            )?,
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

    /// What a flow has been told of a workspace's payments, in order, after a position.
    pub fn transitions(&self, workspace: &str, after: u64) -> Result<Vec<Transition>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT position, reference, output, final, at
             FROM transitions JOIN payments ON payments.id = payment
             WHERE workspace = ?1 AND position > ?2 ORDER BY position",
        )?;
        let rows = statement.query_map(params![workspace, after], |row| {
            Ok(Transition {
                position: row.get(0)?,
                reference: row.get(1)?,
                output: row.get(2)?,
                r#final: row.get(3)?,
                at: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A payment's own names first, then its reference: both are the provider's word for whose it is.
fn find(
    connection: &Connection,
    scope: &Scope,
    payment: &Payment,
) -> Result<Option<StoredPayment>, LedgerError> {
    if payment.mode != scope.mode {
        return Ok(None);
    }
    for alias in &payment.aliases {
        if let Some(found) = find_by_alias(connection, scope, alias)? {
            return Ok(Some(found));
        }
    }
    match &payment.reference {
        Some(reference) => find_by_reference(connection, scope, reference),
        None => Ok(None),
    }
}

fn find_by_alias(
    connection: &Connection,
    scope: &Scope,
    alias: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!(
        "SELECT {} FROM payments JOIN aliases ON aliases.payment = payments.id
         WHERE aliases.workspace = ?1 AND aliases.provider = ?2 AND aliases.mode = ?3
             AND alias = ?4",
        StoredPayment::COLUMNS
    );
    one(connection, &sql, scope, alias)
}

fn find_by_reference(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!(
        "SELECT {} FROM payments
         WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
         ORDER BY status = 'canceled', payments.id DESC LIMIT 1",
        StoredPayment::COLUMNS
    );
    one(connection, &sql, scope, reference)
}

fn one(
    connection: &Connection,
    sql: &str,
    scope: &Scope,
    id: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), id];
    Ok(connection
        .prepare_cached(sql)?
        .query_row(whose, StoredPayment::read)
        .optional()?)
}

fn judge(
    known: &StoredPayment,
    news: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    let state = Known {
        status: known.status,
        as_of: known.as_of,
        authority: known.authority,
    };
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
    let status = if is_new_state {
        news.status
    } else {
        known.status
    };
    let settled = decision != Decision::Unsettled;
    if is_new_state || decision == Decision::Unsettled {
        let failure = news
            .failure
            .as_ref()
            .and_then(|why| serde_json::to_string(why).ok());
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
            params![
                scope.workspace,
                scope.provider,
                mode_word(scope.mode),
                alias,
                known.row
            ],
        )?;
    }
    tell_flow(connection, known.row, status, now)
}

/// Appends a transition where the flow's output has changed.
fn tell_flow(
    connection: &Connection,
    payment: i64,
    status: PaymentStatus,
    now: u64,
) -> Result<(), LedgerError> {
    let told: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT output, final FROM transitions WHERE payment = ?1
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row([payment], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (output, is_final) = (Output::of(status).as_str(), is_final(status));
    if told.is_none_or(|told| told != (output.to_owned(), is_final)) {
        connection.execute(
            "INSERT INTO transitions (payment, output, final, at) VALUES (?1, ?2, ?3, ?4)",
            params![payment, output, is_final, now],
        )?;
    }
    Ok(())
}
