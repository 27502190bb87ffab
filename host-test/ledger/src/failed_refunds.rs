//! Refunds that came to nothing. Each is told to the flow once, and needs a person, although it is seen twice: as an
//! event that names the refund, and as a refunded sum that has become smaller.
//!
//! Both views only grow. What the larger one has more than was told is told.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::LedgerError;
use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise};
use super::notices::{Notice, NoticeDetails, append_notice};
use super::stored_payment::{Scope, StoredPayment};
use crate::types::{Problem, Refund};

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
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO failed_refunds (payment, refund, amount) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![stored.row_id, refund.id, refund.amount.minor_units])?;
    let in_events: u64 = connection
        .prepare_cached("SELECT sum(amount) FROM failed_refunds WHERE payment = ?1")?
        .query_row([stored.row_id], |row| row.get(0))?;
    let (_, told) = failures(connection, stored)?;
    let new = in_events.saturating_sub(told);
    if new > 0 {
        tell(connection, scope, stored, Some(&refund.id), new, refund.failure.clone(), now)?;
    }
    Ok(())
}

/// Records that the refunded sum has become smaller.
pub(super) fn record_smaller_sum(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    difference: u64,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO refund_failures (payment, in_sum, told) VALUES (?1, ?2, 0)
             ON CONFLICT DO UPDATE SET in_sum = in_sum + ?2",
        )?
        .execute(params![stored.row_id, difference])?;
    let (in_sum, told) = failures(connection, stored)?;
    let new = in_sum.saturating_sub(told);
    if new > 0 {
        tell(connection, scope, stored, None, new, None, now)?;
    }
    Ok(())
}

/// How much the sum has shown, and how much was told.
fn failures(connection: &Connection, stored: &StoredPayment) -> Result<(u64, u64), LedgerError> {
    let row = connection
        .prepare_cached("SELECT in_sum, told FROM refund_failures WHERE payment = ?1")?
        .query_row([stored.row_id], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.unwrap_or((0, 0)))
}

fn tell(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    refund: Option<&str>,
    minor_units: u64,
    reason: Option<Problem>,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO refund_failures (payment, in_sum, told) VALUES (?1, 0, ?2)
             ON CONFLICT DO UPDATE SET told = told + ?2",
        )?
        .execute(params![stored.row_id, minor_units])?;
    let amount = Some(stored.of_received(minor_units));
    let details = NoticeDetails {
        amount: amount.clone(),
        id: refund.map(str::to_owned),
        ..NoticeDetails::default()
    };
    append_notice(connection, scope, stored.row_id, Notice::RefundFailed, &details, now)?;
    // Several of them may have no id.
    let (_, told) = failures(connection, stored)?;
    let subject = refund.map_or_else(|| format!("sum {told}"), str::to_owned);
    let attention = NewAttention {
        code: AttentionCode::RefundFailed,
        subject: &subject,
        payment: Some(stored.row_id),
        details: AttentionDetails { amount, reason, ..AttentionDetails::default() },
    };
    raise(connection, scope, &attention, now)
}
