//! Refunds that came to nothing. Each is told to the flow once, and needs a person, although it may be seen twice:
//! as an event that names the refund, and as a refunded sum that has become smaller.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise};
use super::notices::{Notice, NoticeDetails, append_notice};
use super::stored_payment::{Scope, StoredPayment};
use crate::types::{Money, Problem, Refund};

/// Records an event about a refund.
pub(super) fn record_refund_event(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    refund: &Refund,
    now: u64,
) -> Result<(), LedgerError> {
    if !refund.has_failed {
        return Ok(());
    }
    let is_known = connection
        .prepare_cached("SELECT 1 FROM failed_refunds WHERE payment = ?1 AND refund = ?2")?
        .exists(params![stored.row_id, refund.id])?;
    if is_known {
        return Ok(());
    }
    // The sum may have shown it before.
    let named = connection
        .prepare_cached(
            "UPDATE failed_refunds SET refund = ?2
             WHERE rowid = (SELECT rowid FROM failed_refunds
                            WHERE payment = ?1 AND refund IS NULL AND amount = ?3 LIMIT 1)",
        )?
        .execute(params![stored.row_id, refund.id, refund.amount.minor_units])?;
    if named == 1 {
        return Ok(());
    }
    insert(connection, stored, Some(&refund.id), refund.amount.minor_units)?;
    let (id, reason) = (Some(refund.id.as_str()), refund.failure.clone());
    tell(connection, scope, stored, id, refund.amount.clone(), reason, now)
}

/// Records that the refunded sum has become smaller.
pub(super) fn record_smaller_sum(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    difference: u64,
    now: u64,
) -> Result<(), LedgerError> {
    // An event may have named it before.
    let found = connection
        .prepare_cached(
            "UPDATE failed_refunds SET is_in_sum = 1
             WHERE rowid = (SELECT rowid FROM failed_refunds
                            WHERE payment = ?1 AND is_in_sum = 0 AND amount = ?2 LIMIT 1)",
        )?
        .execute(params![stored.row_id, difference])?;
    if found == 1 {
        return Ok(());
    }
    insert(connection, stored, None, difference)?;
    tell(connection, scope, stored, None, stored.of_received(difference), None, now)
}

fn insert(
    connection: &Connection,
    stored: &StoredPayment,
    refund: Option<&str>,
    amount: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO failed_refunds (payment, refund, amount, is_in_sum)
             VALUES (?1, ?2, ?3, ?2 IS NULL)",
        )?
        .execute(params![stored.row_id, refund, amount])?;
    Ok(())
}

fn tell(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    refund: Option<&str>,
    amount: Money,
    reason: Option<Problem>,
    now: u64,
) -> Result<(), LedgerError> {
    let details = NoticeDetails {
        amount: Some(amount.clone()),
        id: refund.map(str::to_owned),
        ..NoticeDetails::default()
    };
    append_notice(connection, scope, stored.row_id, Notice::RefundFailed, &details, now)?;
    let attention = NewAttention {
        code: AttentionCode::RefundFailed,
        subject: refund.unwrap_or_default(),
        payment: Some(stored.row_id),
        details: AttentionDetails { amount: Some(amount), reason, ..AttentionDetails::default() },
    };
    raise(connection, scope, &attention, now)
}
