//! What calls use, measured in an engine of its own.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use super::caller::Observer;
use super::error::{LoadError, shown};
use super::state::CallState;
use super::{Plugin, engine};

/// What a call has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// WebAssembly instructions that were executed, those of the instantiation among them. Source: wasmtime's fuel, which
    /// is one for almost every instruction and none for `nop`, `drop`, `block` and `loop`.
    pub instructions: u64,
    /// The memory of the instance at its end, in bytes. It never shrinks.
    pub memory_bytes: usize,
    /// How often the host was called.
    pub host_calls: u32,
    /// How many requests these calls have asked for.
    pub requests: u32,
}

/// A plugin whose calls are measured. It is several times slower than otherwise.
pub struct Meter {
    plugin: Plugin,
    last: Arc<Mutex<Usage>>,
}

impl Meter {
    /// A meter for a plugin that was loaded from these bytes.
    ///
    /// # Errors
    ///
    /// It cannot be compiled or described in this engine.
    pub async fn new(loaded: &Plugin, bytes: &[u8]) -> Result<Self, LoadError> {
        let not_compiled = |error: wasmtime::Error| LoadError::NotAComponent(shown(&error));
        let mut config = engine::compiling();
        config.consume_fuel(true);
        let metering = Engine::new(&config).map_err(not_compiled)?;
        engine::start_ticker(&metering);
        // In this process: it was compiled within the limits of one before, so it does not cost too much.
        let component = Component::from_binary(&metering, bytes).map_err(not_compiled)?;
        let last = Arc::new(Mutex::new(Usage::default()));
        let seen = Arc::clone(&last);
        let observer = move |store: &mut Store<CallState>| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = usage(store);
        };
        let observer: Observer = Arc::new(observer);
        let plugin = Plugin::of_compiled(&metering, bytes, &component, Some(observer)).await?;
        let plugin = plugin.with_clock(loaded.clock.clone());
        Ok(Self { plugin, last })
    }

    /// The plugin whose calls are measured.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What the last call has used. Nothing: there was none since the last time.
    #[must_use]
    pub fn take(&self) -> Usage {
        std::mem::take(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn usage(store: &Store<CallState>) -> Usage {
    let state = store.data();
    Usage {
        instructions: u64::MAX - store.get_fuel().unwrap_or(u64::MAX),
        memory_bytes: state.memory.bytes(),
        host_calls: state.sends,
        requests: state.requests,
    }
}
