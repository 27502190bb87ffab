//! Finding payments by what names them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::LedgerError;
use super::stored_payment::{Scope, StoredPayment};
use crate::types::{Mode, Payment, PaymentStatus};

/// The stored payment that a payment of the provider's belongs to: by its ids, else by its attempt,
/// else by its reference.
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
    // A reference may have had several attempts, so it decides only where no attempt is named.
    if let Some(attempt) = &payment.attempt_id {
        return find_by_attempt(connection, scope, attempt);
    }
    match &payment.reference {
        Some(reference) => find_first_attempt(connection, scope, reference),
        None => Ok(None),
    }
}

/// The first attempt of a reference: a payment that names no attempt is older than attempts are.
fn find_first_attempt(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    query_one(connection, scope, "reference = ?4 ORDER BY payments.id LIMIT 1", reference)
}

/// A canceled payment of a reference that has received money which was not all refunded.
pub(super) fn find_late_money(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    query_one(
        connection,
        scope,
        "reference = ?4 AND status = 'canceled' AND received > coalesce(refunded, 0) ORDER BY payments.id LIMIT 1",
        reference,
    )
}

/// The payment that holds a reference: the one that is not canceled.
pub(super) fn find_holder(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let found = find_by_reference(connection, scope, reference)?;
    Ok(found.filter(|payment| payment.status != PaymentStatus::Canceled))
}

/// A payment by any id of the provider's.
pub(super) fn find_by_alias(
    connection: &Connection,
    scope: &Scope,
    alias: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    query(connection, &by_alias(), scope, alias)
}

fn by_alias() -> String {
    format!(
        "SELECT {} FROM payments JOIN aliases ON aliases.payment = payments.id
         WHERE aliases.workspace = ?1 AND aliases.provider = ?2 AND aliases.mode = ?3
             AND alias = ?4",
        StoredPayment::COLUMNS
    )
}

/// A payment by its attempt's id.
pub(super) fn find_by_attempt(
    connection: &Connection,
    scope: &Scope,
    attempt_id: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    query_one(connection, scope, "attempt = ?4", attempt_id)
}

pub(super) fn find_by_reference(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    query_one(
        connection,
        scope,
        "reference = ?4 ORDER BY status = 'canceled', payments.id DESC LIMIT 1",
        reference,
    )
}

pub(super) fn find_by_row_id(
    connection: &Connection,
    row_id: i64,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!("SELECT {} FROM payments WHERE id = ?1", StoredPayment::COLUMNS);
    Ok(connection.prepare_cached(&sql)?.query_row([row_id], StoredPayment::read).optional()?)
}

/// A payment with its scope.
pub(super) fn find_with_scope(
    connection: &Connection,
    row_id: i64,
) -> Result<Option<(StoredPayment, Scope)>, LedgerError> {
    let Some(stored) = find_by_row_id(connection, row_id)? else { return Ok(None) };
    let scope: (String, String, String) = connection
        .prepare_cached("SELECT workspace, provider, mode FROM payments WHERE id = ?1")?
        .query_row([row_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (workspace, provider, mode) = scope;
    Ok(Mode::parse(&mode).map(|mode| (stored, Scope { workspace, provider, mode })))
}

/// The first payment of a scope that a condition finds, in which `?4` is the id.
fn query_one(
    connection: &Connection,
    scope: &Scope,
    condition: &str,
    id: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let sql = format!(
        "SELECT {} FROM payments
         WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND {condition}",
        StoredPayment::COLUMNS
    );
    query(connection, &sql, scope, id)
}

fn query(
    connection: &Connection,
    sql: &str,
    scope: &Scope,
    id: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), id];
    Ok(connection.prepare_cached(sql)?.query_row(of_scope, StoredPayment::read).optional()?)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::Ledger;

    #[test]
    fn kept_statement_is_not_parsed_anew() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        let scope = Scope { workspace: "w".to_owned(), provider: "P".to_owned(), mode: Mode::Test };
        for alias in ["pi_1", "pi_2", "pi_3"] {
            assert!(find_by_alias(&ledger.connection, &scope, alias).unwrap().is_none());
        }
        let kept = ledger.connection.prepare_cached(&by_alias()).unwrap();
        assert_eq!(kept.get_status(StatementStatus::Run), 3);
        assert_eq!(kept.get_status(StatementStatus::RePrepare), 0);
    }
}
