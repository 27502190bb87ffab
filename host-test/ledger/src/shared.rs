//! A ledger for many threads of a process.

use std::path::Path;
use std::sync::mpsc;

use super::readers::Readers;
use super::writer::Writer;
use super::{Ledger, LedgerError};

/// A ledger for many threads: several read at the same time, and one changes it for all. Other processes may use it
/// too.
pub struct SharedLedger {
    readers: Readers,
    writer: Writer,
}

impl SharedLedger {
    /// Shares an open ledger, whose file is at `path`.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn of(ledger: Ledger, path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { readers: Readers::of(path.to_owned()), writer: Writer::start(ledger)? })
    }

    /// Reads one state of the ledger, on the thread of the caller. Every change is in it that was answered before.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read, or `work` fails.
    pub fn read<T, E: From<LedgerError>>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, E>,
    ) -> Result<T, E> {
        self.readers.read(work)
    }

    /// Makes a change, perhaps in one commit with others, and calls `answer` when it is on the disk. If it comes alone,
    /// that is before this returns: the caller's thread waits for the disk, one of all callers at a time. Otherwise `answer` is
    /// called on the thread that writes, and must not take long. `work` is called again if another change of the same
    /// commit has to be taken back. If it panics, nothing is changed and `answer` is dropped.
    pub fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
        answer: impl FnOnce(Result<T, LedgerError>) + Send + 'static,
    ) {
        self.writer.change(work, answer);
    }

    /// Runs `work` by itself, and waits for its result: each change in it is on the disk before its next line.
    ///
    /// # Errors
    ///
    /// `work` fails or panics.
    pub fn change_alone<T: Send + 'static, E: From<LedgerError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (answer, answered) = mpsc::channel();
        self.writer.alone(work, move |done| {
            // Who does not wait any more needs no answer.
            let _ = answer.send(done);
        });
        answered.recv().unwrap_or_else(|_| Err(LedgerError::Stopped.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::types::Mode;
    use crate::{AttentionCode, AttentionDetails, Scope};

    fn scope() -> Scope {
        Scope { workspace: "w".to_owned(), provider: "P".to_owned(), mode: Mode::Test }
    }

    fn raise(ledger: &mut Ledger, subject: &str) -> Result<(), LedgerError> {
        let code = AttentionCode::Dispute;
        ledger.raise_attention(&scope(), code, subject, AttentionDetails::default(), 1)
    }

    fn subjects(ledger: &Ledger) -> Result<Vec<String>, LedgerError> {
        let entries = ledger.attention(&scope(), 1000)?;
        Ok(entries.into_iter().map(|entry| entry.subject).collect())
    }

    struct Shared {
        ledger: SharedLedger,
        directory: tempfile::TempDir,
    }

    impl Shared {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("ledger.sqlite");
            let ledger = SharedLedger::of(Ledger::open(&path).unwrap(), &path).unwrap();
            Self { ledger, directory }
        }

        /// Makes the thread wait until the result is dropped, so that what is asked of it meanwhile comes at once.
        fn hold(&self) -> mpsc::Sender<()> {
            let (held, holds) = mpsc::channel::<()>();
            self.ledger.writer.alone(move |_| holds.recv().is_err(), drop);
            held
        }

        fn change<T: Send + 'static>(
            &self,
            work: impl FnMut(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
        ) -> Receiver<Result<T, LedgerError>> {
            let (answer, answered) = mpsc::channel();
            self.ledger.change(work, move |made| answer.send(made).unwrap());
            answered
        }

        fn other_connection(&self) -> Ledger {
            Ledger::open(&self.directory.path().join("ledger.sqlite")).unwrap()
        }
    }

    #[test]
    fn changes_that_wait_share_a_commit() {
        let shared = Shared::new();
        let held = shared.hold();
        let answers: Vec<_> = (0..LARGEST)
            .map(|number| {
                let other = shared.other_connection();
                shared.change(move |ledger| {
                    raise(ledger, &number.to_string())?;
                    // What others see of the group: nothing.
                    subjects(&other)
                })
            })
            .collect();
        drop(held);
        for answer in answers {
            assert!(answer.recv().unwrap().unwrap().is_empty());
        }
        assert_eq!(shared.ledger.read(subjects).unwrap().len(), LARGEST);
    }

    const LARGEST: usize = 20;

    #[test]
    fn answer_follows_the_commit() {
        let shared = Shared::new();
        let other = shared.other_connection();
        let (answer, answered) = mpsc::channel();
        shared.ledger.change(
            |ledger| raise(ledger, "a"),
            move |made| answer.send((made, subjects(&other))).unwrap(),
        );
        let (made, seen) = answered.recv().unwrap();
        made.unwrap();
        assert_eq!(seen.unwrap(), ["a"]);
    }

    #[test]
    fn full_disk_ends_the_whole_group() {
        let shared = Shared::new();
        let limited = shared.ledger.change_alone(|ledger| {
            let connection = &ledger.connection;
            let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.pragma_update(None, "max_page_count", pages + 8)?;
            Ok::<_, LedgerError>(())
        });
        limited.unwrap();
        let held = shared.hold();
        let first = shared.change(|ledger| raise(ledger, "first"));
        let large = shared.change(|ledger| raise(ledger, &"x".repeat(1 << 20)));
        let last = shared.change(|ledger| raise(ledger, "last"));
        drop(held);
        for answer in [first, large] {
            assert!(matches!(answer.recv().unwrap(), Err(LedgerError::DiskFull)));
        }
        // It came too late for the group, and there is room for it.
        last.recv().unwrap().unwrap();
        assert_eq!(shared.ledger.read(subjects).unwrap(), ["last"]);
    }

    #[test]
    fn change_that_fails_or_panics_ends_no_other() {
        let shared = Shared::new();
        let held = shared.hold();
        let first = shared.change(|ledger| raise(ledger, "first"));
        let failed = shared.change(|ledger| {
            let change = ledger.write()?;
            change.execute("DELETE FROM attention", [])?;
            Err::<(), _>(LedgerError::Locked)
        });
        let panicked = shared.change::<()>(|ledger| {
            let change = ledger.write()?;
            change.execute("DELETE FROM attention", [])?;
            #[allow(clippy::panic)]
            {
                panic!("as a test")
            }
        });
        let last = shared.change(|ledger| raise(ledger, "last"));
        drop(held);
        first.recv().unwrap().unwrap();
        assert!(matches!(failed.recv().unwrap(), Err(LedgerError::Locked)));
        assert!(panicked.recv().is_err());
        last.recv().unwrap().unwrap();
        let mut stored = shared.ledger.read(subjects).unwrap();
        stored.sort();
        assert_eq!(stored, ["first", "last"]);
    }

    #[test]
    fn work_alone_is_on_the_disk_before_its_next_line() {
        let shared = Shared::new();
        let other = shared.other_connection();
        let seen = shared.ledger.change_alone(move |ledger| {
            raise(ledger, "a")?;
            subjects(&other)
        });
        assert_eq!(seen.unwrap(), ["a"]);
    }

    #[test]
    fn reader_changes_nothing_and_sees_one_state() {
        let shared = Shared::new();
        shared.ledger.change_alone(|ledger| raise(ledger, "a")).unwrap();
        let mut other = shared.other_connection();
        let seen = shared.ledger.read(|ledger| {
            assert!(ledger.connection.execute("DELETE FROM attention", []).is_err());
            let before = subjects(ledger)?;
            raise(&mut other, "b")?;
            assert_eq!(subjects(ledger)?, before);
            Ok::<_, LedgerError>(before)
        });
        assert_eq!(seen.unwrap(), ["a"]);
        assert_eq!(shared.ledger.read(subjects).unwrap().len(), 2);
    }

    #[test]
    fn log_is_truncated_after_the_group() {
        let shared = Shared::new();
        let (path, held) = (shared.directory.path().join("ledger.sqlite-wal"), shared.hold());
        let truncated = shared.change(|ledger| {
            raise(ledger, "a")?;
            ledger.truncate_log();
            Ok(())
        });
        let after = shared.change(|ledger| raise(ledger, "b"));
        drop(held);
        truncated.recv().unwrap().unwrap();
        after.recv().unwrap().unwrap();
        assert_eq!(path.metadata().unwrap().len(), 0);
        // Somebody reads an older state: it is truncated after a later change.
        let still = shared.ledger.read(|ledger| {
            subjects(ledger)?;
            shared.ledger.change_alone(|other| {
                other.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
                raise(other, "c")?;
                other.truncate_log();
                Ok::<_, LedgerError>(other.must_truncate)
            })
        });
        assert!(still.unwrap());
        shared.change(|ledger| raise(ledger, "d")).recv().unwrap().unwrap();
        assert_eq!(path.metadata().unwrap().len(), 0);
    }
}
