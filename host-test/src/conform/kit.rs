//! What every case starts from: the plugin, the scenario, and this program.

use std::path::PathBuf;

use super::error::KitError;
use super::scenario::{Scenario, Webhook};
use crate::plugin::Plugin;

/// What every case starts from.
pub struct Kit {
    /// The plugin, compiled once.
    pub plugin: Plugin,
    /// The scenario.
    pub scenario: Scenario,
    /// This program: a fake may be one of its commands.
    pub program: PathBuf,
}

/// Who makes the webhook of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeBy {
    /// The plugin.
    Plugin,
    /// The merchant, who gives what they have of it.
    Hand,
    /// The merchant, who gives nothing of it: nobody can verify a delivery.
    HandWithoutSecret,
    /// Nobody: the provider sends no deliveries.
    Nobody,
}

impl Kit {
    /// The kit for a plugin and a scenario.
    ///
    /// # Errors
    ///
    /// It is not known where this program's file is.
    pub fn new(plugin: Plugin, scenario: Scenario) -> Result<Self, KitError> {
        let program = std::env::current_exe().map_err(|error| {
            KitError::Host(format!("this program's file is not known: {error}"))
        })?;
        Ok(Self { plugin, scenario, program })
    }

    /// The same with another file as this program: a test is another program.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// Who makes the webhook where a case does not say: the plugin, if it can.
    #[must_use]
    pub fn usual_webhook(&self) -> MadeBy {
        match &self.scenario.webhook {
            Webhook { is_none: true, .. } => MadeBy::Nobody,
            Webhook { by_plugin: true, .. } => MadeBy::Plugin,
            Webhook { .. } => MadeBy::Hand,
        }
    }
}
