//! What calls use, measured in an engine of its own.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{LoadError, shown};
use super::usage::{LastUsage, Usage};
use super::{Plugin, engine};

/// A plugin whose calls are measured. It is several times slower than otherwise.
pub struct Meter {
    plugin: Plugin,
    last: Arc<LastUsage>,
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
