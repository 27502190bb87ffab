//! Refunds that the provider is asked for.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle};
use super::lookup::find_with_scope;
use super::stored_payment::{Attempt, StoredPayment};
use super::{Ledger, LedgerError};
use crate::types::Problem;

/// The result of reserving a refund.
#[derive(Debug, PartialEq, Eq)]
pub enum RefundReservation {
    /// The refund may be sent.
    Reserved(ReservedRefund),
    /// The reference names a refund of this other amount, in minor units.
    AmountDiffers(u64),
    /// Less is left to refund.
    TooMuch {
        /// What is left, in minor units.
        left: u64,
    },
}

/// A refund that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservedRefund {
    /// The attempt. The same reference has the same one.
    pub attempt: Attempt,
    /// The amount, in minor units. None: an earlier version reserved everything that was left.
    pub minor_units: Option<u64>,
    /// Whether the reference was free. Otherwise the refund may have been made already.
    pub is_new: bool,
}

impl Ledger {
    /// Reserves a refund of an amount, in minor units, before the provider is called. None: everything
    /// that is left. All reserved refunds together are at most what was received.
    pub fn reserve_refund(
        &mut self,
        payment: &StoredPayment,
        reference: &str,
        minor_units: Option<u64>,
        now: u64,
    ) -> Result<RefundReservation, LedgerError> {
        let transaction = self.write()?;
        let existing = transaction
            .prepare_cached(
                "SELECT attempt, reserved_at, minor_units FROM refunds
                 WHERE payment = ?1 AND reference = ?2",
            )?
            .query_row(params![payment.row_id, reference], |row| {
                let attempt = Attempt::of_refund(row.get(0)?, row.get(1)?);
                Ok((attempt, row.get::<_, Option<u64>>(2)?))
            })
            .optional()?;
        if let Some((attempt, reserved)) = existing {
            return Ok(match (reserved, minor_units) {
                (Some(reserved), Some(asked)) if reserved != asked => {
                    RefundReservation::AmountDiffers(reserved)
                }
                _ => RefundReservation::Reserved(ReservedRefund {
                    attempt,
                    minor_units: reserved.or(minor_units),
                    is_new: false,
                }),
            });
        }
        let reserved: u64 = transaction
            .prepare_cached("SELECT coalesce(sum(minor_units), 0) FROM refunds WHERE payment = ?1")?
            .query_row([payment.row_id], |row| row.get(0))?;
        let left = payment.received.saturating_sub(reserved.max(payment.refunded.unwrap_or(0)));
        let minor_units = minor_units.unwrap_or(left);
        if minor_units == 0 || minor_units > left {
            return Ok(RefundReservation::TooMuch { left });
        }
        let new = Attempt::new(now);
        let attempt = Attempt::of_refund(new.id, now);
        transaction
            .prepare_cached(
                "INSERT INTO refunds (payment, reference, attempt, reserved_at, minor_units)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                payment.row_id,
                reference,
                attempt.id,
                attempt.reserved_at,
                minor_units
            ])?;
        transaction.commit()?;
        let minor_units = Some(minor_units);
        Ok(RefundReservation::Reserved(ReservedRefund { attempt, minor_units, is_new: true }))
    }

    /// The refunds that are reserved for a payment: their references and attempts, the oldest first.
    pub fn reserved_refunds(
        &self,
        payment: &StoredPayment,
    ) -> Result<Vec<(String, Attempt)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT reference, attempt, reserved_at FROM refunds WHERE payment = ?1
             ORDER BY reserved_at",
        )?;
        let rows = statement.query_map([payment.row_id], |row| {
            Ok((row.get(0)?, Attempt::of_refund(row.get(1)?, row.get(2)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Removes an attempt that refunded nothing, so that the reference can be used again.
    pub fn release_refund(&mut self, attempt_id: &str, now: u64) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        set_unknown(&transaction, attempt_id, None, now)?;
        transaction
            .prepare_cached("DELETE FROM refunds WHERE attempt = ?1")?
            .execute([attempt_id])?;
        transaction.commit()
    }

    /// Records whether it is known what became of a refund. `unknown_because`: it is not, and a person has to
    /// look.
    pub fn record_refund_outcome(
        &mut self,
        attempt_id: &str,
        unknown_because: Option<&Problem>,
        now: u64,
    ) -> Result<(), LedgerError> {
        set_unknown(&self.connection, attempt_id, unknown_because, now)
    }
}

fn set_unknown(
    connection: &Connection,
    attempt_id: &str,
    because: Option<&Problem>,
    now: u64,
) -> Result<(), LedgerError> {
    let found: Option<(i64, String, Option<u64>)> = connection
        .prepare_cached("SELECT payment, reference, minor_units FROM refunds WHERE attempt = ?1")?
        .query_row([attempt_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((payment, reference, minor_units)) = found else { return Ok(()) };
    let Some((stored, scope)) = find_with_scope(connection, payment)? else { return Ok(()) };
    let code = AttentionCode::RefundUnknown;
    let Some(because) = because else {
        return settle(connection, &scope, code, &reference, Some(payment), now);
    };
    let details = AttentionDetails {
        amount: minor_units.map(|minor_units| stored.of_received(minor_units)),
        reason: Some(because.clone()),
        ..AttentionDetails::default()
    };
    let new = NewAttention { code, subject: &reference, payment: Some(payment), details };
    raise(connection, &scope, &new, now)
}

impl Attempt {
    /// An attempt to refund. Its idempotency key never changes, because the provider may carry the first
    /// request out later.
    fn of_refund(id: String, reserved_at: u64) -> Self {
        Self { idempotency_key: format!("refund-{id}"), id, reserved_at }
    }
}
