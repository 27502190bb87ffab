//! What the provider has to be asked about: since when events may have been missed, and which
//! payments are not finished.

use rusqlite::{OptionalExtension as _, params};

use super::installations::mode_word;
use super::payments::{Scope, StoredPayment};
use super::{Ledger, LedgerError};

impl Ledger {
    /// Since when events may have been missed: since the last reconciliation, else since the first
    /// payment. None: there is no payment.
    pub fn reconciled_until(&self, scope: &Scope) -> Result<Option<u64>, LedgerError> {
        let whose = params![scope.workspace, scope.provider, mode_word(scope.mode)];
        let until = self
            .connection
            .query_row(
                "SELECT until FROM reconciliations
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
                whose,
                |row| row.get(0),
            )
            .optional()?;
        if until.is_some() {
            return Ok(until);
        }
        Ok(self.connection.query_row(
            "SELECT min(created_at) FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
            whose,
            |row| row.get(0),
        )?)
    }

    /// Events up to a time have been asked for.
    pub fn note_reconciled(&mut self, scope: &Scope, until: u64) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO reconciliations (workspace, provider, mode, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET until = max(until, ?4)",
            params![scope.workspace, scope.provider, mode_word(scope.mode), until],
        )?;
        Ok(())
    }

    /// The payments that the provider has to be asked about: those that are not settled, and those
    /// that are not final and were asked for before a time. The provider knows them by a name.
    pub fn unfinished(
        &self,
        scope: &Scope,
        created_before: u64,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND name IS NOT NULL
                 AND (settled = 0
                     OR (status NOT IN ('approved', 'canceled') AND created_at <= ?4))
             ORDER BY settled, payments.id",
            StoredPayment::COLUMNS
        );
        let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), created_before];
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments = statement.query_map(whose, StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }
}
