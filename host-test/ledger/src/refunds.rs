//! Refunds that the provider is asked for.

use rusqlite::{OptionalExtension as _, params};

use super::payments::{Attempt, StoredPayment};
use super::{Ledger, LedgerError};

impl Ledger {
    /// Stores an attempt to refund a payment before the provider is called, and says whether the
    /// attempt is new. The same reference gives the same attempt.
    pub fn reserve_refund(
        &mut self,
        payment: &StoredPayment,
        reference: &str,
        now: u64,
    ) -> Result<(Attempt, bool), LedgerError> {
        let transaction = self.write()?;
        let existing = transaction
            .query_row(
                "SELECT attempt, reserved_at FROM refunds WHERE payment = ?1 AND reference = ?2",
                params![payment.row_id, reference],
                |row| Ok(Attempt { id: row.get(0)?, reserved_at: row.get(1)? }),
            )
            .optional()?;
        if let Some(existing) = existing {
            return Ok((existing, false));
        }
        let attempt = Attempt::new(now);
        transaction.execute(
            "INSERT INTO refunds (payment, reference, attempt, reserved_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![payment.row_id, reference, attempt.id, attempt.reserved_at],
        )?;
        transaction.commit()?;
        Ok((attempt, true))
    }

    /// Removes an attempt that the provider has refused, so that the reference can be used again.
    pub fn release_refund(&mut self, attempt_id: &str) -> Result<(), LedgerError> {
        self.connection.execute("DELETE FROM refunds WHERE attempt = ?1", [attempt_id])?;
        Ok(())
    }
}
