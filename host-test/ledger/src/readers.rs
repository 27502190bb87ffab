//! The connections that read, while others read and one changes.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Ledger, LedgerError};

/// How many may read at the same time. Our own choice: each keeps up to 2 MB of pages.
const MOST: usize = 4;

/// The connections that read.
pub(super) struct Readers {
    path: PathBuf,
    state: Mutex<State>,
    /// Notified when a reader is idle again.
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// The last one was used last: its pages are still in the processor's cache.
    idle: Vec<Ledger>,
    open: usize,
}

impl Readers {
    /// None is open yet.
    pub fn of(path: PathBuf) -> Self {
        Self { path, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Reads one state of the ledger, however long it takes. It sees every change that was committed before.
    pub fn read<T, E: From<LedgerError>>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = Reader { readers: self, ledger: self.wait() };
        let ledger = match reader.ledger.take() {
            Some(ledger) => ledger,
            None => Ledger::open_reader(&self.path)?,
        };
        reader.ledger.insert(ledger).snapshot(work)
    }

    /// Waits until one may be used. None: it has to be opened.
    fn wait(&self) -> Option<Ledger> {
        let mut state = self.state();
        loop {
            if let Some(ledger) = state.idle.pop() {
                return Some(ledger);
            }
            if state.open < MOST {
                state.open += 1;
                return None;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is in use. It is idle again when this is dropped.
struct Reader<'a> {
    readers: &'a Readers,
    /// None: it is not open.
    ledger: Option<Ledger>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.state();
        match self.ledger.take() {
            Some(ledger) => state.idle.push(ledger),
            None => state.open -= 1,
        }
        drop(state);
        self.readers.freed.notify_one();
    }
}
