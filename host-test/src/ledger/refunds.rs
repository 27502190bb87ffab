//! Refunds that the provider is asked for.

use rusqlite::{OptionalExtension as _, params};

use super::payments::{Attempt, StoredPayment, new_attempt_id};
use super::{Ledger, LedgerError};

impl Ledger {
    /// Takes a reference for a refund of a payment, before the provider is asked, and says whether
    /// that is new. The same reference is the same attempt.
    pub fn reserve_refund(
        &mut self,
        payment: &StoredPayment,
        reference: &str,
        now: u64,
    ) -> Result<(Attempt, bool), LedgerError> {
        let transaction = self.write()?;
        let known = transaction
            .query_row(
                "SELECT attempt, reserved_at FROM refunds WHERE payment = ?1 AND reference = ?2",
                params![payment.row, reference],
                |row| Ok(Attempt { id: row.get(0)?, reserved_at: row.get(1)? }),
            )
            .optional()?;
        if let Some(known) = known {
            return Ok((known, false));
        }
        let attempt = Attempt { id: new_attempt_id(), reserved_at: now };
        transaction.execute(
            "INSERT INTO refunds (payment, reference, attempt, reserved_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![payment.row, reference, attempt.id, attempt.reserved_at],
        )?;
        transaction.commit()?;
        Ok((attempt, true))
    }

    /// The provider has refused a refund: nothing happened, and the next is another attempt.
    pub fn release_refund(&mut self, attempt: &str) -> Result<(), LedgerError> {
        self.connection.execute("DELETE FROM refunds WHERE attempt = ?1", [attempt])?;
        Ok(())
    }
}
