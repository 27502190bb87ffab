//! Payments that have to be closed at the provider.

use rusqlite::params;

use super::payment_state::Output;
use super::stored_payment::{Scope, StoredPayment};
use super::{Ledger, LedgerError};

impl Ledger {
    /// The payments that have to be closed now, at most `limit` of them. One that the provider has not named yet
    /// comes later.
    pub fn payments_to_close(
        &self,
        scope: &Scope,
        now: u64,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND needs_closing = 1
                 AND remote_id IS NOT NULL AND check_at <= ?4
             ORDER BY check_at LIMIT ?5",
            StoredPayment::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), now, limit];
        Ok(statement.query_map(of_scope, StoredPayment::read)?.collect::<Result<_, _>>()?)
    }

    /// Records that a payment is closed at the provider.
    pub fn record_closed(&mut self, payment: &StoredPayment) -> Result<(), LedgerError> {
        self.connection.prepare_cached(
                "UPDATE payments
                 SET needs_closing = 0, check_failures = 0,
                     check_at = iif(status IN ('approved', 'canceled') AND needs_refetch = 0, NULL, check_at)
                 WHERE id = ?1")?.execute(
                [payment.row_id],
            )?;
        Ok(())
    }

    /// The payments of an installation that are not final, in the order of their creation, after one of them,
    /// at most `limit`.
    pub fn open_payments(
        &self,
        installation: &str,
        after: Option<&StoredPayment>,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE installation = ?1 AND status NOT IN ('approved', 'canceled') AND id > ?2
             ORDER BY id LIMIT ?3",
            StoredPayment::COLUMNS
        );
        let after = after.map_or(0, |payment| payment.row_id);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments =
            statement.query_map(params![installation, after, limit], StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }

    /// Cancels what an installation has left open, because its provider cannot be asked any more.
    pub fn abandon_open_payments(
        &mut self,
        installation: &str,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "INSERT INTO transitions (workspace, provider, mode, payment, output, final, at)
             SELECT workspace, provider, mode, id, ?2, 1, ?3 FROM payments
             WHERE installation = ?1 AND status NOT IN ('approved', 'canceled')",
            )?
            .execute(params![installation, Output::Rejected.as_str(), now])?;
        transaction
            .prepare_cached(
                "UPDATE payments
             SET status = 'canceled', needs_refetch = 0, needs_closing = 0, check_at = NULL,
                 version = version + 1
             WHERE installation = ?1 AND status NOT IN ('approved', 'canceled')",
            )?
            .execute([installation])?;
        transaction.commit()
    }

    /// Hands the open payments of every draining installation of the same account over to its new installation,
    /// whose credentials reach them, and ends the draining.
    pub fn adopt_payments(&mut self, installation: &str, now: u64) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        let draining: Vec<String> = transaction
            .prepare_cached(
                "SELECT old.id FROM installations AS new JOIN installations AS old
                     ON old.workspace = new.workspace AND old.provider = new.provider
                 WHERE new.id = ?1 AND old.draining_until IS NOT NULL
                     AND old.account = new.account AND old.mode = new.mode",
            )?
            .query_map([installation], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for old in &draining {
            transaction
                .prepare_cached(
                    "UPDATE payments SET installation = ?2
                 WHERE installation = ?1 AND status NOT IN ('approved', 'canceled')",
                )?
                .execute([old.as_str(), installation])?;
        }
        // What its account could not be asked about, it can be now.
        transaction
            .prepare_cached(
                "UPDATE payments SET check_at = ?2, check_failures = 0
             WHERE installation = ?1 AND status NOT IN ('approved', 'canceled')
                 AND remote_id IS NOT NULL",
            )?
            .execute(params![installation, now])?;
        transaction.commit()?;
        draining.iter().try_for_each(|old| self.finish_uninstalling(old, now))
    }
}
