//! The ledger: installations, payments, events and transitions, in SQLite on disk. All SQL of the host is in
//! this crate, and it knows neither the contract nor wasmtime.
//!
//! Every change is one transaction. It is on the disk before a method returns.

mod answers;
mod approvals;
mod delivery_summary;
mod early_events;
mod error;
mod events;
mod history;
mod installations;
mod payment_state;
mod payments;
mod recipient;
mod reconciliation;
mod refunds;
mod transitions;
pub mod types;
mod update;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use answers::FetchOutcome;
pub use delivery_summary::DeliverySummary;
pub use error::LedgerError;
pub use events::{EventOutcome, Refetch};
pub use history::{HistoryEntry, PaymentHistory};
pub use installations::{InstallationState, StoredInstallation};
pub use payment_state::{Output, is_final};
pub use payments::{Attempt, NewPayment, Reservation, Scope, StoredPayment};
pub use transitions::Transition;

/// The migrations: each makes the next version of the schema. The file's `user_version` says how
/// many were applied. A released migration is never edited.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];
/// How long a write waits for another process's transaction to end.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open ledger.
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens the ledger, creates it if the file does not exist, and applies missing migrations.
    ///
    /// # Errors
    ///
    /// The file is locked, corrupt, of a newer version, or cannot be used. It is left unchanged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(SQLITE_BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A commit returns only after an fsync.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Deleted bytes are overwritten with zeros: secrets must not stay in free pages.
        connection.pragma_update(None, "secure_delete", true)?;
        let mut ledger = Self { connection };
        ledger.migrate()?;
        Ok(ledger)
    }

    fn migrate(&mut self) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        let version: u32 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let missing = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..));
        let Some(missing) = missing else {
            return Err(LedgerError::Newer(version));
        };
        if missing.is_empty() {
            return Ok(());
        }
        for migration in missing {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
        Ok(transaction.commit()?)
    }

    /// Begins a transaction that takes the write lock at once. One that read first could fail with
    /// `SQLITE_BUSY` without waiting.
    fn write(&mut self) -> Result<Transaction<'_>, LedgerError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Mode;

    #[test]
    fn first_version_is_migrated_without_loss() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(MIGRATIONS[0]).unwrap();
        first.pragma_update(None, "user_version", 1).unwrap();
        first
            .execute_batch(
                "INSERT INTO workspaces VALUES ('default', 'w1');
                 INSERT INTO installations
                     (id, workspace, provider, component, state, webhook_setup, mode, created_at,
                      changed_at)
                 VALUES ('i1', 'w1', 'P', 'c', 'active', 'automatic', 'test', 1, 1);
                 INSERT INTO payments
                     (workspace, provider, mode, reference, installation, amount, currency, name,
                      status, provider_status, received, as_of, authority, settled, created_at)
                 VALUES ('w1', 'P', 'test', 'r1', 'i1', 10, 'usd', 'p1', 'pending', 'x', 0, 1,
                         'signed', 1, 1),
                        ('w1', 'P', 'test', 'r2', 'i1', 10, 'usd', 'p2', 'pending', 'x', 0, 1,
                         'signed', 0, 1);",
            )
            .unwrap();
        drop(first);
        // The second time there is nothing to migrate.
        drop(Ledger::open(&path).unwrap());
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.workspace_id("default").unwrap(), "w1");
        assert_eq!(ledger.installation("i1").unwrap().unwrap().state, InstallationState::Active);
        assert_eq!(ledger.delivery_summary("i1").unwrap(), DeliverySummary::default());
        ledger.record_verified_delivery("i1", 7).unwrap();
        assert_eq!(ledger.delivery_summary("i1").unwrap().verified_at, Some(7));
        let scope = Scope { workspace: "w1".into(), provider: "P".into(), mode: Mode::Test };
        let payments = ledger.payments(&scope, 10).unwrap();
        assert_eq!(payments.len(), 2);
        assert!(payments.iter().all(|payment| payment.attempt.id.len() == 32));
        assert_ne!(payments[0].attempt.id, payments[1].attempt.id);
        // Newest first: the second payment was not settled, the first was.
        assert_eq!(payments[0].remote_id.as_deref(), Some("p2"));
        assert_eq!((payments[0].needs_refetch, payments[1].needs_refetch), (true, false));
    }

    #[test]
    fn newer_version_is_left_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        drop(Ledger::open(&path).unwrap());
        let newer = u32::try_from(MIGRATIONS.len()).unwrap() + 1;
        Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
        assert!(
            matches!(Ledger::open(&path), Err(LedgerError::Newer(version)) if version == newer)
        );
    }
}
