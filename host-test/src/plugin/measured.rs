//! What a call has used, for tools that report it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wasmtime::Store;

use super::state::CallState;

/// What one call has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The memory of its instance, in bytes. It never shrinks.
    pub memory: usize,
    /// How long it has computed, without waiting for answers.
    pub computing: Duration,
    /// WebAssembly instructions that were executed, those of the instantiation among them. Zero: the engine does not
    /// count. Source: wasmtime's fuel, which is one for almost every instruction and none for `nop`, `drop`, `block` and
    /// `loop`.
    pub instructions: u64,
    /// How often it has called the host.
    pub host_calls: u32,
    /// How many requests these calls have asked for.
    pub requests: u32,
}

/// What the calls of a plugin have used, the latest last.
#[derive(Default)]
pub struct Measures(Mutex<Vec<Measured>>);

impl Measures {
    /// A call has ended.
    pub(super) fn add(&self, store: &Store<CallState>) {
        let state = store.data();
        let measured = Measured {
            memory: state.memory.bytes(),
            computing: state.computing.total(),
            instructions: u64::MAX - store.get_fuel().unwrap_or(u64::MAX),
            host_calls: state.sends,
            requests: state.requests,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(measured);
    }

    /// What the latest call has used. None: there was no call.
    #[must_use]
    pub fn latest(&self) -> Option<Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// The same, once.
    #[must_use]
    pub fn take(&self) -> Option<Measured> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).pop()
    }
}
