//! How a marketplace is opened over its data folder, and how another version of its plugin takes its place.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::standing::Standings;
use super::{Error, Marketplace, MarketplaceLimits, Options, refused, rotation};
use crate::data_folder;
use crate::egress::{Clients, Gateway, Policy, Quotas};
use crate::plugin::Plugin;
use crate::telemetry::Telemetry;
use crate::vault::Vault;
use ledger::{Ledger, SharedLedger};

/// What the marketplaces of a data folder share.
pub(super) struct OpenFolder {
    ledger: Arc<SharedLedger>,
    vault: Arc<Vault>,
    /// The workspace's id, not its name.
    workspace: String,
    clients: Clients,
}

impl OpenFolder {
    /// Opens the folder, which is created if it does not exist.
    pub fn open(options: &Options<'_>) -> Result<Self, Error> {
        data_folder::prepare(options.data_dir)?;
        let path = options.data_dir.join(data_folder::LEDGER);
        let mut ledger = Ledger::open(&path)?;
        ledger.set_most_early_events(options.limits.work.early_events);
        let vault = Arc::new(Vault::of(options.data_dir));
        rotation::prepare(&vault, &ledger)?;
        let workspace = ledger.workspace_id(&options.workspace)?;
        let clients = Clients::new().map_err(|error| Error::Client(error.to_string()))?;
        let ledger = Arc::new(SharedLedger::of(ledger, &path)?);
        Ok(Self { ledger, vault, workspace, clients })
    }
}

impl Marketplace {
    /// Opens the marketplace over its data folder, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// The folder or the ledger cannot be used, the vault cannot although nothing is sealed, or an origin of the
    /// plugin's manifest is invalid.
    pub fn open(plugin: Plugin, options: &Options<'_>) -> Result<Self, Error> {
        Self::over(&OpenFolder::open(options)?, plugin, options)
    }

    /// A marketplace over an open folder.
    pub(super) fn over(
        folder: &OpenFolder,
        plugin: Plugin,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        if plugin.is_built_in() {
            Self::move_built_in(&plugin, &folder.ledger, options.clock.now())?;
        }
        let policy = Policy::new(plugin.manifest(), &options.overrides)?;
        let telemetry = Arc::new(Telemetry::new(&plugin.manifest().provider_id));
        let MarketplaceLimits { requests, unverified, .. } = options.limits;
        let mut clients = folder.clients.clone();
        if let Some(warn) = options.warn_of_network.filter(|_| !plugin.is_built_in()) {
            clients = clients.warning(warn);
        }
        Ok(Self {
            gateway: Gateway::new(clients, policy, requests, Arc::clone(&telemetry)),
            ledger: Arc::clone(&folder.ledger),
            vault: Arc::clone(&folder.vault),
            workspace: folder.workspace.clone(),
            quotas: Arc::new(Quotas::new(
                unverified.hints_per_installation,
                unverified.hints_per_sender,
            )),
            standings: Arc::new(Standings::new(unverified.unverified_per_sender)),
            known: Arc::default(),
            unclaimed: Arc::default(),
            refused: Arc::new(Mutex::new(refused::none())),
            has_closing: Arc::new(AtomicBool::new(true)),
            changes: watch::Sender::new(()),
            plugin: plugin.with_clock(options.clock.clone()).with_telemetry(&telemetry),
            telemetry,
            clock: options.clock.clone(),
            limits: options.limits,
            overrides: options.overrides.as_slice().into(),
            is_development: options.is_development,
        })
    }

    /// The same marketplace with another version of its plugin.
    pub(super) fn with_plugin(&self, plugin: Plugin) -> Result<Self, Error> {
        let policy = Policy::new(plugin.manifest(), &self.overrides)?;
        Ok(Self {
            gateway: self.gateway.with_policy(policy),
            plugin: plugin.with_clock(self.clock.clone()).with_telemetry(&self.telemetry),
            ..self.clone()
        })
    }
}
