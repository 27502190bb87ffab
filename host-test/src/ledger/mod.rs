//! The ledger: installations, payments, events and transitions, in SQLite on disk. All the SQL of
//! the host is in here.
//!
//! Every change is one transaction that is on the disk before it is answered for.

mod error;
mod events;
mod installations;
mod payments;
mod rule;
mod transitions;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use error::LedgerError;
pub use events::{Asked, Recorded, Truth};
pub use installations::{InstallationRow, State};
pub use payments::{Order, Reservation, Scope, StoredPayment};
pub use rule::{Output, is_final};
pub use transitions::Transition;

/// The version of the schema, kept in the file.
const SCHEMA_VERSION: u32 = 1;
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
        match version {
            0 => {
                transaction.execute_batch(include_str!("schema.sql"))?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            SCHEMA_VERSION => {}
            newer => return Err(LedgerError::Newer(newer)),
        }
        Ok(transaction.commit()?)
    }

    /// A transaction that takes the write lock at once: one that began by reading could not be
    /// made to wait for another.
    fn write(&mut self) -> Result<Transaction<'_>, LedgerError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}
