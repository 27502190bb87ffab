//! What a call has used, for tools that report it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::state::CallState;

/// What one call has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The memory of its instance, in bytes.
    pub memory: usize,
    /// How long it has computed, without waiting for answers.
    pub computing: Duration,
}

/// What the calls of a plugin have used, the latest last.
#[derive(Default)]
pub struct Measures(Mutex<Vec<Measured>>);

impl Measures {
    /// A call has ended.
    pub(super) fn add(&self, state: &CallState) {
        let measured =
            Measured { memory: state.memory.bytes(), computing: state.computing.total() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(measured);
    }

    /// What the latest call has used. None: there was no call.
    #[must_use]
    pub fn latest(&self) -> Option<Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }
}
