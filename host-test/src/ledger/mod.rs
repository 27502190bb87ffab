//! The ledger: installations, payments, events and transitions, in SQLite on disk. All the SQL of
//! the host is in here.
//!
//! Every change is one transaction that is on the disk before it is answered for.

mod addressee;
mod early;
mod error;
mod events;
mod installations;
mod last_deliveries;
mod payments;
mod reconciliation;
mod refunds;
mod rule;
mod story;
mod transitions;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use error::LedgerError;
pub use events::{Asked, Recorded, Truth};
pub use installations::{InstallationRow, State};
pub use last_deliveries::LastDeliveries;
pub use payments::{Attempt, Order, Reservation, Scope, StoredPayment};
pub use rule::{Output, is_final};
pub use story::{Happening, Story};
pub use transitions::Transition;

/// What makes each version of the schema out of the one before. The file keeps which it has. What
/// has been released is never edited.
const SCHEMA: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];
/// How long a write waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ledger.
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens the ledger, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// It is locked, corrupt, of a newer version, or the disk refuses. The file is left as it is.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A commit is on the disk before it is answered for.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What is deleted is overwritten.
        connection.pragma_update(None, "secure_delete", true)?;
        let mut ledger = Self { connection };
        ledger.migrate()?;
        Ok(ledger)
    }

    fn migrate(&mut self) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        let version: u32 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let steps = usize::try_from(version).ok().and_then(|version| SCHEMA.get(version..));
        let Some(steps) = steps else {
            return Err(LedgerError::Newer(version));
        };
        if steps.is_empty() {
            return Ok(());
        }
        for step in steps {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", SCHEMA.len())?;
        Ok(transaction.commit()?)
    }

    /// A transaction that takes the write lock at once: one that began by reading could not be
    /// made to wait for another.
    fn write(&mut self) -> Result<Transaction<'_>, LedgerError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::Mode;

    #[test]
    fn a_ledger_of_the_first_version_is_brought_up_to_date_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(SCHEMA[0]).unwrap();
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
                         'signed', 1, 1);",
            )
            .unwrap();
        drop(first);
        // Opening it twice does it once.
        drop(Ledger::open(&path).unwrap());
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.workspace_id("default").unwrap(), "w1");
        assert_eq!(ledger.installation("i1").unwrap().unwrap().state, State::Active);
        assert_eq!(ledger.last_deliveries("i1").unwrap(), LastDeliveries::default());
        ledger.note_verified("i1", 7).unwrap();
        assert_eq!(ledger.last_deliveries("i1").unwrap().verified_at, Some(7));
        let scope = Scope { workspace: "w1".into(), provider: "P".into(), mode: Mode::Test };
        let payments = ledger.payments(&scope, 10).unwrap();
        assert_eq!(payments.len(), 2);
        assert!(payments.iter().all(|payment| payment.attempt.id.len() == 32));
        assert_ne!(payments[0].attempt.id, payments[1].attempt.id);
    }

    #[test]
    fn a_ledger_of_a_newer_version_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        drop(Ledger::open(&path).unwrap());
        let newer = u32::try_from(SCHEMA.len()).unwrap() + 1;
        Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
        assert!(
            matches!(Ledger::open(&path), Err(LedgerError::Newer(version)) if version == newer)
        );
    }
}
