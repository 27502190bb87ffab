//! What calls use, measured in an engine of its own.

use std::sync::Arc;

use wasmtime::Engine;

use super::engine::{self, Counting};
use super::error::{LoadError, shown};
use super::usage::{LastUsage, Usage};
use super::{Compiler, Plugin};

/// A plugin whose calls are measured. It is several times slower than otherwise.
pub struct Meter {
    plugin: Plugin,
    last: Arc<LastUsage>,
}

impl Meter {
    /// A meter for a plugin that was loaded from these bytes. They are compiled anew, for an engine that counts.
    ///
    /// # Errors
    ///
    /// It cannot be compiled or described in this engine.
    pub async fn new(loaded: &Plugin, bytes: &[u8], compiler: Compiler) -> Result<Self, LoadError> {
        let config = engine::compiling(Counting::Instructions);
        let metering =
            Engine::new(&config).map_err(|error| LoadError::NotAComponent(shown(&error)))?;
        engine::start_ticker(&metering);
        let compiler = compiler.counting(Counting::Instructions);
        let component = compiler.compile(&metering, bytes).await?;
        let last = Arc::new(LastUsage::default());
        let observer = Some(last.observer());
        let plugin = Plugin::of_compiled(&metering, bytes, &component, observer).await?;
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
        self.last.take()
    }
}
