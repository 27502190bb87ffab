//! Changes of the ledger: each is a transaction, or a savepoint in a group that is committed once.

use std::ops::Deref;

use rusqlite::Connection;

use super::{Ledger, LedgerError};

/// A change that is under way. It is taken back when this is dropped without a commit.
pub(super) struct Change<'a> {
    connection: &'a Connection,
    is_in_group: bool,
    is_open: bool,
}

impl<'a> Change<'a> {
    fn begin(connection: &'a Connection, is_in_group: bool) -> Result<Self, LedgerError> {
        // The write lock is taken at once: a transaction that read first could fail with `SQLITE_BUSY` without waiting.
        let sql = if is_in_group { "SAVEPOINT change" } else { "BEGIN IMMEDIATE" };
        run(connection, sql)?;
        Ok(Self { connection, is_in_group, is_open: true })
    }

    /// Keeps the change: on the disk, or in its group.
    pub fn commit(mut self) -> Result<(), LedgerError> {
        run(self.connection, if self.is_in_group { "RELEASE change" } else { "COMMIT" })?;
        self.is_open = false;
        Ok(())
    }

    /// Takes the change back.
    pub fn rollback(mut self) -> Result<(), LedgerError> {
        self.is_open = false;
        self.take_back()
    }

    fn take_back(&self) -> Result<(), LedgerError> {
        // After some errors, such as a full disk, SQLite has taken back the whole transaction already.
        if self.connection.is_autocommit() {
            return Ok(());
        }
        if !self.is_in_group {
            return run(self.connection, "ROLLBACK");
        }
        run(self.connection, "ROLLBACK TO change")?;
        run(self.connection, "RELEASE change")
    }
}

impl Deref for Change<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
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
        Change::begin(&self.connection, self.is_in_group)
    }

    /// Makes several changes with one commit. Each of them is kept or taken back by itself, as it is alone; none is on
    /// the disk before this returns.
    ///
    /// # Errors
    ///
    /// The group was not committed: none of its changes is kept.
    pub fn group<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Result<T, LedgerError> {
        run(&self.connection, "BEGIN IMMEDIATE")?;
        self.is_in_group = true;
        let group = Group(self);
        let done = work(group.0);
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

    /// Whether the group that is under way can still be committed.
    pub(super) fn group_stands(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Truncates the write-ahead log, which still holds deleted secrets: now, or after the group's commit.
    pub(super) fn truncate_log(&mut self) {
        self.must_truncate = true;
        if !self.is_in_group {
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
        self.0.is_in_group = false;
        if self.0.group_stands() {
            // What cannot be taken back ends with the connection.
            let _ = run(&self.0.connection, "ROLLBACK");
        }
    }
}
