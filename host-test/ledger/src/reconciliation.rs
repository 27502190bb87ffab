//! What a reconciliation needs to know: since when events may be missing, and which payments the
//! provider has to be asked about.

use rusqlite::{OptionalExtension as _, params};

use super::stored_payment::{Scope, StoredPayment};
use super::{Ledger, LedgerError};

impl Ledger {
    /// Since when events may be missing, in Unix seconds: since the last reconciliation, else since
    /// the first payment. None: there is no payment.
    pub fn reconciled_until(&self, scope: &Scope) -> Result<Option<u64>, LedgerError> {
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str()];
        let until = self
            .connection
            .query_row(
                "SELECT until FROM reconciliations
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
                of_scope,
                |row| row.get(0),
            )
            .optional()?;
        if until.is_some() {
            return Ok(until);
        }
        Ok(self.connection.query_row(
            "SELECT min(created_at) FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
            of_scope,
            |row| row.get(0),
        )?)
    }

    /// Records that all events up to a time, in Unix seconds, have been listed.
    pub fn record_reconciled(&mut self, scope: &Scope, until: u64) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO reconciliations (workspace, provider, mode, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET until = max(until, ?4)",
            params![scope.workspace, scope.provider, scope.mode.as_str(), until],
        )?;
        Ok(())
    }

    /// The payments that the provider has to be asked about: those that need a refetch, and those
    /// that are not final and were created up to `created_before`, in Unix seconds. Payments that
    /// the provider has given no id are not among them.
    pub fn unfinished_payments(
        &self,
        scope: &Scope,
        created_before: u64,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND remote_id IS NOT NULL
                 AND (needs_refetch = 1
                     OR (status NOT IN ('approved', 'canceled') AND created_at <= ?4))
             ORDER BY needs_refetch DESC, payments.id",
            StoredPayment::COLUMNS
        );
        let of_scope =
            params![scope.workspace, scope.provider, scope.mode.as_str(), created_before];
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments = statement.query_map(of_scope, StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }
}
