//! Payments in the ledger: reserved, found, released.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::installations::mode_word;
use super::{Ledger, LedgerError};
use crate::contract::types::{Authority, Mode, Money, Payment, PaymentStatus, Problem};

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
    pub(super) row: i64,
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
    /// It grows with every change.
    pub version: u64,
    /// The attempt that it is.
    pub attempt: Attempt,
}

/// One attempt to have a payment or a refund made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id, new for every attempt. It travels to the provider and comes back.
    pub id: String,
    /// When it was reserved, in Unix seconds: before the provider was asked.
    pub reserved_at: u64,
}

impl Attempt {
    /// The idempotency key of what is done for this attempt: the same for the same purpose.
    #[must_use]
    pub fn idempotency_key(&self, purpose: &str) -> String {
        format!("{purpose}-{}", self.id)
    }
}

/// The id of a new attempt, as the contract wants it: 32 of its 36 characters.
pub(super) fn new_attempt_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What a flow asks for, as far as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The installation that it is asked of.
    pub installation: String,
    /// The flow's name for the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
}

/// What came of reserving a reference.
#[derive(Debug)]
pub enum Reservation {
    /// It is ours: the provider may be asked.
    Reserved {
        /// `false`: an earlier create has no recorded answer.
        is_new: bool,
        /// The attempt to create it.
        attempt: Attempt,
    },
    /// There is such a payment.
    Existing(Box<StoredPayment>),
    /// There is one with this reference and another amount.
    AmountDiffers(Money),
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
        STATUSES.iter().find(|(status, _)| *status == self).map_or("pending", |(_, word)| word)
    }

    /// A word that is not known is pending.
    fn parse(text: &str) -> Self {
        STATUSES.iter().find(|(_, word)| *word == text).map_or(Self::Pending, |(status, _)| *status)
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
    pub(super) const COLUMNS: &str =
        "payments.id, reference, name, amount, currency, status, provider_status,
         received, refunded, failure, checkout_url, as_of, authority, settled, version,
         attempt, created_at";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: String = row.get(5)?;
        let failure: Option<String> = row.get(9)?;
        let authority: String = row.get(12)?;
        Ok(Self {
            row: row.get(0)?,
            reference: row.get(1)?,
            name: row.get(2)?,
            amount: Money { minor_units: row.get(3)?, currency: row.get(4)? },
            status: PaymentStatus::parse(&status),
            provider_status: row.get(6)?,
            received: row.get(7)?,
            refunded: row.get(8)?,
            failure: failure.and_then(|json| serde_json::from_str(&json).ok()),
            checkout_url: row.get(10)?,
            as_of: row.get(11)?,
            authority: if authority == "signed" { Authority::Signed } else { Authority::Fetched },
            settled: row.get(13)?,
            version: row.get(14)?,
            attempt: Attempt { id: row.get(15)?, reserved_at: row.get(16)? },
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
        order: &Order,
        now: u64,
    ) -> Result<Reservation, LedgerError> {
        let transaction = self.write()?;
        if let Some(existing) = find_taken(&transaction, scope, &order.reference)? {
            return Ok(if existing.amount != order.amount {
                Reservation::AmountDiffers(existing.amount)
            } else if existing.name.is_some() {
                Reservation::Existing(Box::new(existing))
            } else {
                Reservation::Reserved { is_new: false, attempt: existing.attempt }
            });
        }
        let attempt = Attempt { id: new_attempt_id(), reserved_at: now };
        insert(&transaction, scope, order, &attempt)?;
        transaction.commit()?;
        Ok(Reservation::Reserved { is_new: true, attempt })
    }

    /// Gives the reference of an attempt back: the provider has said no, and nothing exists.
    pub fn release(&mut self, attempt: &Attempt) -> Result<(), LedgerError> {
        self.connection
            .execute("DELETE FROM payments WHERE attempt = ?1 AND name IS NULL", [&attempt.id])?;
        Ok(())
    }
}

/// A payment's own names first, then its attempt, then its reference: all are the provider's word for
/// whose it is.
pub(super) fn find(
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
    // A reference may have several attempts: it only stands for what names none.
    if let Some(attempt) = &payment.attempt_id {
        return find_by_attempt(connection, scope, attempt);
    }
    match &payment.reference {
        Some(reference) => find_by_reference(connection, scope, reference),
        None => Ok(None),
    }
}

/// The payment that a reference names and that is not canceled.
pub(super) fn find_taken(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let found = find_by_reference(connection, scope, reference)?;
    Ok(found.filter(|payment| payment.status != PaymentStatus::Canceled))
}

/// Writes a payment down that the provider has not answered for yet.
pub(super) fn insert(
    connection: &Connection,
    scope: &Scope,
    order: &Order,
    attempt: &Attempt,
) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO payments
             (workspace, provider, mode, reference, installation, amount, currency, status,
              provider_status, received, as_of, authority, settled, created_at, attempt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', '', 0, 0, 'signed', 1, ?8, ?9)",
        params![
            scope.workspace,
            scope.provider,
            mode_word(scope.mode),
            order.reference,
            order.installation,
            order.amount.minor_units,
            order.amount.currency,
            attempt.reserved_at,
            attempt.id
        ],
    )?;
    Ok(())
}

/// A payment by an id of the provider's.
pub(super) fn find_by_alias(
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

/// A payment by the id of its attempt.
pub(super) fn find_by_attempt(
    connection: &Connection,
    scope: &Scope,
    attempt: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!(
        "SELECT {} FROM payments
         WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND attempt = ?4",
        StoredPayment::COLUMNS
    );
    one(connection, &sql, scope, attempt)
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

/// A payment by its row.
pub(super) fn find_by_row(
    connection: &Connection,
    row: i64,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!("SELECT {} FROM payments WHERE id = ?1", StoredPayment::COLUMNS);
    Ok(connection.prepare_cached(&sql)?.query_row([row], StoredPayment::read).optional()?)
}

fn one(
    connection: &Connection,
    sql: &str,
    scope: &Scope,
    id: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), id];
    Ok(connection.prepare_cached(sql)?.query_row(whose, StoredPayment::read).optional()?)
}
