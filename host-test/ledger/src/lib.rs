//! The ledger: installations, payments, events and transitions, in SQLite on disk. All SQL of the host is in
//! this crate, and it knows neither the contract nor wasmtime.
//!
//! Every change is one transaction. It is on the disk before a method returns, or before its group is committed.

mod answers;
mod approvals;
mod attention;
mod attention_list;
mod background_reads;
mod checks;
mod closing;
mod components;
mod delivery_summary;
mod disputes;
mod early_events;
mod error;
mod events;
mod failed_refunds;
mod history;
mod installations;
mod kept_deliveries;
mod lookup;
mod lost_payments;
#[cfg(test)]
mod migration_tests;
mod notices;
mod payment_state;
mod payments;
mod prune;
#[cfg(test)]
mod query_plans;
mod readers;
mod recipient;
mod reconciliation;
mod refunds;
mod restored;
mod schedule;
mod sealed;
mod shared;
mod stored_payment;
mod transitions;
pub mod types;
mod unread_outputs;
mod update;
mod workspaces;
mod write;
mod writer;

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

pub use answers::FetchOutcome;
pub use approvals::{Approval, CarriedOver};
pub use attention::{AttentionCode, AttentionDetails};
pub use attention_list::{AttentionClosed, AttentionEntry, ClosedAttention};
pub use background_reads::{CountedAccount, Work};
pub use checks::Checks;
pub use components::{Component, InstalledComponent};
pub use delivery_summary::DeliverySummary;
pub use error::LedgerError;
pub use events::{EventOutcome, Refetch};
pub use history::{HistoryEntry, PaymentHistory};
pub use installations::{InstallationState, StoredInstallation};
pub use kept_deliveries::KeptDelivery;
pub use notices::NoticeDetails;
pub use payment_state::{Output, is_final};
pub use payments::Reservation;
pub use prune::Pruned;
pub use reconciliation::{
    FARTHEST_ROUND, Lag, Listing, Progress, Reconciliation, WatchedInstallation,
};
pub use refunds::{RefundReservation, ReservedRefund};
pub use sealed::SealedInstallation;
pub use shared::SharedLedger;
pub use stored_payment::{Attempt, NewPayment, Scope, StoredPayment};
pub use transitions::{Told, Transition};
pub use types::PaymentTerms;
pub use workspaces::{Installed, Workspace};
use write::Grouping;

/// The migrations: each makes the next version of the schema. The file's `user_version` says how
/// many were applied. A released migration is never edited.
const MIGRATIONS: [&str; 13] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
    include_str!("schema/13.sql"),
];
/// How long a write waits for another process's transaction to end.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many prepared statements a connection keeps: more than there are. A statement that is parsed anew takes longer
/// than most of them run.
const MOST_STATEMENTS: usize = 256;

/// How many events of a scope may wait for their payment, unless something else is set. Our own choice: one waits
/// for the moment in which its payment is created.
const MOST_EARLY_EVENTS: u32 = 1000;

/// An open ledger.
pub struct Ledger {
    connection: Connection,
    /// How many events of a scope may wait for their payment.
    most_early_events: u32,
    /// How many were deleted since somebody asked.
    deleted_early_events: usize,
    /// Whether changes belong to a group, which is committed once.
    grouping: Grouping,
    /// Whether the write-ahead log has to be truncated after the next change.
    must_truncate: bool,
}

impl Ledger {
    /// Opens the ledger, creates it if the file does not exist, and applies missing migrations.
    ///
    /// # Errors
    ///
    /// The file is locked, corrupt, of a newer version, or cannot be used. It is left unchanged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut ledger = Self::connect(path)?;
        let connection = &ledger.connection;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A commit returns only after an fsync.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Deleted bytes are overwritten with zeros: secrets must not stay in free pages.
        connection.pragma_update(None, "secure_delete", true)?;
        ledger.migrate()?;
        Ok(ledger)
    }

    /// Another connection to an open ledger, which changes nothing.
    fn open_reader(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::connect(path)?;
        ledger.connection.pragma_update(None, "query_only", true)?;
        Ok(ledger)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(SQLITE_BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(MOST_STATEMENTS);
        // Otherwise a kept statement is parsed anew for each value that may lead to another plan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self {
            connection,
            most_early_events: MOST_EARLY_EVENTS,
            deleted_early_events: 0,
            grouping: Grouping::None,
            must_truncate: false,
        })
    }

    /// Sets how many events of a scope may wait for their payment. When there are more, the oldest are deleted.
    pub fn set_most_early_events(&mut self, most: u32) {
        self.most_early_events = most;
    }

    /// How many events that waited for their payment were deleted since the last call, because there were too many.
    pub fn take_deleted_early_events(&mut self) -> usize {
        std::mem::take(&mut self.deleted_early_events)
    }

    fn migrate(&mut self) -> Result<(), LedgerError> {
        // Read without the write lock first, so that a reader of a current ledger does not wait for writers.
        if schema_version(&self.connection)? == u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
        {
            return Ok(());
        }
        let transaction = self.write()?;
        let version = schema_version(&transaction)?;
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
        transaction.commit()
    }
}

fn schema_version(connection: &Connection) -> Result<u32, LedgerError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
