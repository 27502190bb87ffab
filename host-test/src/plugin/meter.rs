//! A plugin in an engine that counts instructions.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{LoadError, shown};
use super::measured::{Measured, Measures};
use super::{Plugin, engine};

/// A plugin whose calls are measured, with their instructions. It is several times slower than otherwise.
pub struct Meter {
    plugin: Plugin,
    measures: Arc<Measures>,
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
        let measures = Arc::<Measures>::default();
        let told = Some(Arc::clone(&measures));
        let plugin = Plugin::of_compiled(&metering, bytes, &component, told).await?;
        Ok(Self { plugin: plugin.with_clock(loaded.clock.clone()), measures })
    }

    /// The plugin whose calls are measured.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What the last call has used. Nothing: there was none since the last time.
    #[must_use]
    pub fn take(&self) -> Measured {
        self.measures.take().unwrap_or_default()
    }
}
