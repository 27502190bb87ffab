//! Changes of the ledger: each is a transaction, or a savepoint in a group that is committed once.

use std::ops::Deref;
use std::time::Duration;

use rusqlite::Connection;

use super::{Ledger, LedgerError, SQLITE_BUSY_TIMEOUT};

/// How changes are kept, or taken back by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Each is a transaction.
    #[default]
    None,
    /// All are one transaction. If one has to be taken back, so is the group, and it is made again with savepoints: they
    /// cost a fifth of a change, and few changes are taken back.
    Plain,
    /// The same, where one was taken back.
    Spoilt,
    /// All are one transaction, and each is a savepoint in it.
    Savepoints,
}

/// A change that is under way. It is taken back when this is dropped without a commit.
pub(super) struct Change<'a> {
    ledger: &'a mut Ledger,
    /// How many rows were changed before it.
    before: u64,
    is_open: bool,
}

impl<'a> Change<'a> {
    fn begin(ledger: &'a mut Ledger) -> Result<Self, LedgerError> {
        match ledger.grouping {
            // The write lock is taken at once: a transaction that read first could fail with `SQLITE_BUSY` without
            // waiting.
            Grouping::None => run(&ledger.connection, "BEGIN IMMEDIATE")?,
            Grouping::Savepoints => run(&ledger.connection, "SAVEPOINT change")?,
            Grouping::Plain | Grouping::Spoilt => {}
        }
        Ok(Self { before: ledger.connection.total_changes(), ledger, is_open: true })
    }

    /// Keeps the change: on the disk, or in its group.
    pub fn commit(mut self) -> Result<(), LedgerError> {
        match self.ledger.grouping {
            Grouping::None => run(&self, "COMMIT")?,
            Grouping::Savepoints => run(&self, "RELEASE change")?,
            Grouping::Plain | Grouping::Spoilt => {}
        }
        self.is_open = false;
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), LedgerError> {
        // After some errors, such as a full disk, SQLite has taken back the whole transaction already.
        if self.is_autocommit() {
            return Ok(());
        }
        match self.ledger.grouping {
            Grouping::None => run(self, "ROLLBACK"),
            Grouping::Savepoints => {
                run(self, "ROLLBACK TO change")?;
                run(self, "RELEASE change")
            }
            Grouping::Plain | Grouping::Spoilt => {
                if self.total_changes() != self.before {
                    self.ledger.grouping = Grouping::Spoilt;
                }
                Ok(())
            }
        }
    }
}

impl Deref for Change<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.ledger.connection
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // What cannot be taken back ends with the connection, or with the group.
            let _ = self.take_back();
        }
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), LedgerError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

impl Ledger {
    /// Begins a change.
    pub(super) fn write(&mut self) -> Result<Change<'_>, LedgerError> {
        Change::begin(self)
    }

    /// Makes several changes with one commit. Each of them is kept or taken back by itself, as it is alone; none is on
    /// the disk before this returns. `work` is called again if one of them has to be taken back.
    ///
    /// # Errors
    ///
    /// The group was not committed: none of its changes is kept.
    pub fn group<T>(&mut self, work: impl FnMut(&mut Self) -> T) -> Result<T, LedgerError> {
        self.begin_group()?;
        self.make_group(work)
    }

    /// Begins a group, which waits until no other process writes.
    pub(super) fn begin_group(&self) -> Result<(), LedgerError> {
        run(&self.connection, "BEGIN IMMEDIATE")
    }

    /// Begins a group, or fails at once if another process writes.
    pub(super) fn begin_group_at_once(&self) -> Result<(), LedgerError> {
        self.connection.busy_timeout(Duration::ZERO)?;
        let begun = self.begin_group();
        self.connection.busy_timeout(SQLITE_BUSY_TIMEOUT)?;
        begun
    }

    /// Makes the changes of a group that has begun, and commits it.
    pub(super) fn make_group<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> T,
    ) -> Result<T, LedgerError> {
        self.grouping = Grouping::Plain;
        let group = Group(self);
        let mut done = work(group.0);
        if group.0.grouping == Grouping::Spoilt {
            run(&group.0.connection, "ROLLBACK")?;
            run(&group.0.connection, "BEGIN IMMEDIATE")?;
            group.0.grouping = Grouping::Savepoints;
            done = work(group.0);
        }
        run(&group.0.connection, "COMMIT")?;
        drop(group);
        self.truncate_if_due();
        Ok(done)
    }

    /// Reads one state of the ledger, with as many statements as it takes.
    pub(super) fn snapshot<T, E: From<LedgerError>>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        run(&self.connection, "BEGIN")?;
        let snapshot = Snapshot(&self.connection);
        let read = read(self);
        drop(snapshot);
        read
    }

    /// Whether the group that is under way can still be committed as it is.
    pub(super) fn group_stands(&self) -> bool {
        !self.is_ended() && self.grouping != Grouping::Spoilt
    }

    /// Whether SQLite has taken back the whole group.
    pub(super) fn is_ended(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Truncates the write-ahead log, which still holds deleted secrets: now, or after the group's commit.
    pub(super) fn truncate_log(&mut self) {
        self.must_truncate = true;
        if self.grouping == Grouping::None {
            self.truncate_if_due();
        }
    }

    /// What cannot be truncated now, because somebody reads, is truncated after the next change.
    fn truncate_if_due(&mut self) {
        if self.must_truncate {
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            let is_busy = self.connection.query_row(sql, [], |row| row.get(0));
            self.must_truncate = is_busy.unwrap_or(true);
        }
    }
}

/// A state that is being read.
struct Snapshot<'a>(&'a Connection);

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // It has changed nothing. If it does not end, the next one cannot begin, and says so.
        let _ = run(self.0, "COMMIT");
    }
}

/// A group that is under way. It is taken back if it is not committed.
struct Group<'a>(&'a mut Ledger);

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.0.grouping = Grouping::None;
        if !self.0.is_ended() {
            // What cannot be taken back ends with the connection.
            let _ = run(&self.0.connection, "ROLLBACK");
        }
    }
}
