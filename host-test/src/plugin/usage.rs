//! What a call has used, for tools that report it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::Store;

use super::caller::Observer;
use super::state::CallState;

/// What a call has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// WebAssembly instructions that were executed, those of the instantiation among them. Source: wasmtime's fuel, which
    /// is one for almost every instruction and none for `nop`, `drop`, `block` and `loop`. 0: the engine does not count.
    pub instructions: u64,
    /// The memory of the instance at its end, in bytes. It never shrinks.
    pub memory_bytes: usize,
    /// How long it has computed, without waiting for answers.
    pub computing: Duration,
    /// How often the host was called.
    pub host_calls: u32,
    /// How many requests these calls have asked for.
    pub requests: u32,
}

/// What the last call of a plugin has used.
#[derive(Debug, Default)]
pub struct LastUsage(Mutex<Usage>);

impl LastUsage {
    /// What notes it at the end of each call.
    pub(super) fn observer(self: &Arc<Self>) -> Observer {
        let last = Arc::clone(self);
        Arc::new(move |store: &mut Store<CallState>| {
            *last.0.lock().unwrap_or_else(PoisonError::into_inner) = usage(store);
        })
    }

    /// What the last call has used. Nothing: there was none since the last time.
    #[must_use]
    pub fn take(&self) -> Usage {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn usage(store: &Store<CallState>) -> Usage {
    let state = store.data();
    Usage {
        instructions: store.get_fuel().map_or(0, |left| u64::MAX - left),
        memory_bytes: state.memory.bytes(),
        computing: state.computing.total(),
        host_calls: state.sends,
        requests: state.requests,
    }
}
