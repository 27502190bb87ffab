//! The marketplace: the use cases of a host of payment plugins. The server and the command line
//! call them and hold no logic of their own.

mod access;
mod attention;
mod closing;
mod components;
mod connection;
mod deliveries;
mod delivery_outcome;
mod delivery_trace;
mod development;
mod error;
mod flows;
mod handle;
mod hints;
mod install;
mod known_installations;
mod limits;
mod open;
mod payments;
mod providers;
mod prune;
mod readiness;
mod reconcile;
mod recovery;
mod refunds;
mod refused;
mod restored;
mod review;
mod rotation;
mod sealed;
mod standing;
mod status;
mod stored_record;
mod uncalled;
mod unclaimed;
mod uninstall;
mod webhook_url;
mod workspaces;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::contract::types::{InstallRequest, Mode, WebhookOwner};
use crate::egress::{Credentials, Gateway, OriginOverride, Quotas};
use crate::plugin::{Accepted, Plugin};
use crate::telemetry::Telemetry;
use crate::vault::Vault;
use ledger::{InstallationState, Ledger, LedgerError, Scope, SharedLedger, StoredInstallation};

pub use attention::{AttentionItem, ClosedItem};
pub use closing::OpenPayment;
pub use components::TakeOver;
pub use connection::Connection;
pub use delivery_outcome::DeliveryOutcome;
pub use development::Replayed;
pub use error::{Error, ErrorKind};
pub use install::InstallOptions;
use known_installations::KnownInstallations;
pub use limits::{MarketplaceLimits, UnverifiedLimits, WorkLimits};
pub use payments::{PaymentOrder, PaymentView};
pub use providers::Providers;
pub use prune::LEAST_PRUNED_DAYS;
pub use readiness::Readiness;
pub use reconcile::{ReconciliationFailure, ReconciliationSummary};
use refused::RefusedDeliveries;
pub use review::Review;
pub use rotation::{Rotated, vault_of};
use sealed::OpenedInstallation;
use standing::Standings;
use unclaimed::UnclaimedDeliveries;
pub use uninstall::{LeftWebhook, Uninstalled};
pub use webhook_url::{DeliveryTarget, webhook_urls};
pub use workspaces::WorkspacePage;

/// How a marketplace is opened.
pub struct Options<'a> {
    /// The folder of the ledger and the vault's key.
    pub data_dir: &'a Path,
    /// The name of the merchant's workspace.
    pub workspace: String,
    /// Loopback origins that stand in for the provider's.
    pub overrides: Vec<OriginOverride>,
    /// The clock. A simulation has its own.
    pub clock: Clock,
    /// The limits.
    pub limits: MarketplaceLimits,
    /// In test mode a rebuilt component goes on without a review, if it asks for the same as before, and deliveries
    /// are kept as they came.
    pub is_development: bool,
    /// Told the first request to each origin on the network, of a component that is not built in.
    pub warn_of_network: Option<fn(&str)>,
}

impl<'a> Options<'a> {
    /// The workspace `default` of a data folder, as it is unless something else is said.
    #[must_use]
    pub fn new(data_dir: &'a Path) -> Self {
        Self {
            data_dir,
            workspace: "default".to_owned(),
            overrides: Vec::new(),
            clock: Clock::default(),
            limits: MarketplaceLimits::default(),
            is_development: false,
            warn_of_network: None,
        }
    }
}

/// A marketplace with one plugin, as one workspace sees it. A clone is cheap, and shares everything.
#[derive(Clone)]
pub struct Marketplace {
    plugin: Plugin,
    gateway: Gateway,
    ledger: Arc<SharedLedger>,
    vault: Arc<Vault>,
    /// The workspace's id, not its name.
    workspace: String,
    clock: Clock,
    limits: MarketplaceLimits,
    telemetry: Arc<Telemetry>,
    quotas: Arc<Quotas>,
    standings: Arc<Standings>,
    known: Arc<KnownInstallations>,
    unclaimed: Arc<Mutex<UnclaimedDeliveries>>,
    refused: Arc<Mutex<RefusedDeliveries>>,
    /// Whether there may be payments that have to be closed at the provider.
    has_closing: Arc<AtomicBool>,
    /// Notified after every commit that may have added a transition.
    changes: watch::Sender<()>,
    /// Loopback origins that stand in for the provider's.
    overrides: Arc<[OriginOverride]>,
    is_development: bool,
}

impl Marketplace {
    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The workspace's id, as it travels in the provider's metadata.
    #[must_use]
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The time by the marketplace's clock, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Notified whenever there may be a new transition.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What the host counts and measures.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &MarketplaceLimits {
        &self.limits
    }

    /// Runs `work` in a blocking task.
    async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let result = tokio::task::spawn_blocking(work).await;
        result.map_err(|_| LedgerError::Stopped)?
    }

    /// Reads the ledger in a blocking task, so that the runtime's threads stay free.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Error> {
        let (begun, ledger) = (Instant::now(), Arc::clone(&self.ledger));
        let done = Self::blocking(move || Ok(ledger.read(work)?)).await;
        self.telemetry.used_ledger(begun.elapsed());
        done
    }

    /// Reads the ledger on this thread: only what finds a few rows by an index. That takes less time than a blocking
    /// task.
    fn read_now<T>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let done = self.ledger.read(work);
        self.telemetry.used_ledger(begun.elapsed());
        Ok(done?)
    }

    /// Changes the ledger, perhaps in one commit with others. It is on the disk when this returns. `work` is called again
    /// if another change of the commit has to be taken back.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let made = changed(&self.ledger, work).await;
        self.telemetry.used_ledger(begun.elapsed());
        Ok(made?)
    }

    /// As `change`, with the time at which the work begins, in Unix seconds.
    async fn change_at<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Ledger, u64) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Error> {
        let clock = self.clock.clone();
        self.change(move |ledger| work(ledger, clock.now())).await
    }

    /// Changes the ledger with no other change beside it, in a blocking task: each change in `work` is on the disk
    /// before its next line.
    async fn change_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let ledger = Arc::clone(&self.ledger);
        Self::blocking(move || ledger.change_alone(work)).await
    }

    fn provider_id(&self) -> &str {
        &self.plugin.manifest().provider_id
    }

    fn scope(&self, workspace: &str, mode: Mode) -> Scope {
        Scope {
            workspace: workspace.to_owned(),
            provider: self.provider_id().to_owned(),
            mode: mode.into(),
        }
    }

    /// The workspace's installation, if there is one that is not uninstalled.
    async fn current_installation(&self) -> Result<Option<StoredInstallation>, Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        self.read(move |ledger| ledger.current_installation(&workspace, &provider)).await
    }

    /// The mode of the workspace's installation, if there is one.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn mode(&self) -> Result<Option<Mode>, Error> {
        Ok(self.current_installation().await?.and_then(|stored| stored.mode).map(Into::into))
    }

    /// Whether the merchant makes the webhook of the workspace's installation by hand. `false`: nothing is
    /// installed.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn webhook_is_manual(&self) -> Result<bool, Error> {
        Ok(self.current_installation().await?.is_some_and(|stored| stored.webhook_is_manual))
    }

    /// The workspace's active installation, opened.
    async fn active_installation(&self) -> Result<OpenedInstallation, Error> {
        match self.current_installation().await? {
            Some(stored) if stored.state == InstallationState::Active => {
                self.open_installation(stored).await
            }
            Some(stored) => Err(Error::Unfinished(stored.state)),
            None => Err(Error::NotInstalled),
        }
    }

    /// What the manifest's rules say about an installation's credentials.
    fn accepted_credentials(
        &self,
        stored: &StoredInstallation,
        credentials: &Credentials,
    ) -> Result<Accepted, Error> {
        Ok(self.plugin.rules().classify(credentials, stored.mode.map(Into::into))?)
    }

    /// The request for `install` and `repair`. `before` are the credentials stored until now. None:
    /// the installation is new. `known_payment` is the provider's id of a payment of the installation.
    fn install_request(
        &self,
        stored: &StoredInstallation,
        credentials: &Credentials,
        before: Option<&Credentials>,
        known_payment: Option<String>,
    ) -> Result<InstallRequest, Error> {
        let accepted = self.accepted_credentials(stored, credentials)?;
        if let Some(installed) = stored.mode.map(Mode::from).filter(|mode| *mode != accepted.mode) {
            let provider = self.plugin.manifest().name.clone();
            return Err(Error::ModeMismatch { provider, installed });
        }
        let changed = |name: &str| before.is_none_or(|before| !before.agree(credentials, name));
        Ok(InstallRequest {
            installation_id: stored.id.clone(),
            workspace: stored.workspace.clone(),
            mode: accepted.mode,
            credentials: self.plugin.rules().for_plugin(&accepted, credentials, changed),
            webhook_urls: webhook_url::webhook_urls(self.provider_id(), &stored.id),
            webhook_owner: if stored.webhook_is_manual {
                WebhookOwner::Merchant
            } else {
                WebhookOwner::Plugin
            },
            known_payment,
        })
    }
}

/// Changes a ledger. It is on the disk when this returns.
async fn changed<T: Send + 'static>(
    ledger: &SharedLedger,
    work: impl FnMut(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    let (answer, answered) = oneshot::channel();
    ledger.change(work, |made| {
        // Who does not wait any more needs no answer.
        let _ = answer.send(made);
    });
    answered.await.unwrap_or(Err(LedgerError::Stopped))
}
