//! The marketplace: the use cases of a host of payment plugins. The server and the command line
//! are two thin doors to it.

mod deliveries;
mod error;
mod flows;
mod installing;
mod payments;
mod reconciling;
mod status;
mod unclaimed;
mod uninstalling;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use crate::contract::types::{
    InstallRequest, Installation, Mode, Problem, ProviderError, UrlsByMode, WebhookOwner,
    WebhookUrls,
};
use crate::egress::{self, Credentials, Egress, Gateway, OriginOverride, Policy, Quotas};
use crate::ledger::{InstallationRow, Ledger, LedgerError, Scope, State, Transition};
use crate::plugin::{Accepted, Plugin};
use crate::vault::Vault;

pub use deliveries::{Answer, Verdict};
pub use error::{Error, Failing};
pub use installing::{Connection, InstallOptions};
pub use payments::{PaymentOrder, PaymentView};
pub use reconciling::Reconciled;
use unclaimed::Unclaimed;
pub use uninstalling::{Left, Removed};

/// Where the marketplace takes deliveries, in each mode, as the merchant's guide says.
const TEST_WEBHOOK: &str = "https://chat-payments.jelou.dev/link-webhook";
const LIVE_WEBHOOK: &str = "https://chat-payments.jelou.ai/link-webhook";

/// What a marketplace is opened with.
pub struct Options<'a> {
    /// Where the ledger and the vault's key are.
    pub data_dir: &'a Path,
    /// The merchant's workspace.
    pub workspace: String,
    /// What stands in for an origin of the provider's.
    pub overrides: Vec<OriginOverride>,
    /// Whether the plugin came with this program: its origins need no approval.
    pub plugin_is_bundled: bool,
}

/// A marketplace with one plugin.
pub struct Marketplace {
    plugin: Plugin,
    plugin_is_bundled: bool,
    gateway: Gateway,
    ledger: Arc<Mutex<Ledger>>,
    vault: Vault,
    /// Its id in the ledger, and everywhere else.
    workspace: String,
    quotas: Arc<Quotas>,
    unclaimed: Mutex<Unclaimed>,
    /// Told after every commit that may have changed what a flow reads.
    changes: watch::Sender<()>,
}

/// An installation that works, opened.
struct Opened {
    row: InstallationRow,
    record: Installation,
    credentials: Credentials,
}

impl Marketplace {
    /// Opens the marketplace over its data folder, which is made where there is none.
    ///
    /// # Errors
    ///
    /// The folder, the ledger or the vault cannot be used, or the plugin asks for an origin that is
    /// none.
    pub fn open(plugin: Plugin, options: &Options<'_>) -> Result<Self, Error> {
        make_private_directory(options.data_dir)
            .map_err(|error| LedgerError::File(error.to_string()))?;
        let mut ledger = Ledger::open(&options.data_dir.join("ledger.sqlite"))?;
        let workspace = ledger.workspace_id(&options.workspace)?;
        let policy = Policy::new(plugin.manifest(), &options.overrides)?;
        let client = egress::client().map_err(|error| Error::Client(error.to_string()))?;
        Ok(Self {
            gateway: Gateway::new(client, policy),
            ledger: Arc::new(Mutex::new(ledger)),
            vault: Vault::open(options.data_dir)?,
            workspace,
            quotas: Arc::default(),
            unclaimed: Mutex::default(),
            changes: watch::Sender::new(()),
            plugin_is_bundled: options.plugin_is_bundled,
            plugin,
        })
    }

    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The id of the workspace.
    #[must_use]
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// Told whenever a flow may have something new to read.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What the flows of this workspace have been told after a position, in order.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn transitions(&self, after: u64) -> Result<Vec<Transition>, Error> {
        let workspace = self.workspace.clone();
        self.ledger(move |ledger| ledger.transitions(&workspace, after)).await
    }

    /// Uses the ledger, away from the threads that serve everyone.
    async fn ledger<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Error> {
        let ledger = Arc::clone(&self.ledger);
        // SQLite's own state is sound after a panic: its transaction was rolled back.
        let work = move || work(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner));
        let result = tokio::task::spawn_blocking(work).await;
        Ok(result.map_err(|_| LedgerError::Other("the task stopped".to_owned()))??)
    }

    fn provider_id(&self) -> &str {
        &self.plugin.manifest().provider_id
    }

    fn scope(&self, workspace: &str, mode: Mode) -> Scope {
        Scope { workspace: workspace.to_owned(), provider: self.provider_id().to_owned(), mode }
    }

    /// Where deliveries for an installation go: its own URLs, and those that all merchants share.
    fn webhook_urls(&self, installation: &str) -> WebhookUrls {
        let shared = |base| format!("{base}?provider={}", self.provider_id());
        let own = |base| format!("{}&{}={installation}", shared(base), deliveries::INSTALLATION);
        WebhookUrls {
            installation: UrlsByMode { test: own(TEST_WEBHOOK), live: own(LIVE_WEBHOOK) },
            shared: UrlsByMode { test: shared(TEST_WEBHOOK), live: shared(LIVE_WEBHOOK) },
        }
    }

    /// What the plugin may reach in a mode, with these credentials. Nothing, unless the operator has
    /// approved its origins.
    async fn egress(&self, credentials: Credentials, mode: Mode) -> Result<Egress, Error> {
        let plugin = self.plugin.clone();
        let is_approved = self.plugin_is_bundled
            || self
                .ledger(move |ledger| ledger.is_approved(plugin.sha256(), plugin.manifest()))
                .await?;
        if !is_approved {
            return Err(Error::OriginsNotApproved(self.plugin.manifest().approvals()));
        }
        Ok(self.gateway.egress(mode, credentials))
    }

    /// The workspace's installation, if there is one that is not over.
    async fn current(&self) -> Result<Option<InstallationRow>, Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        self.ledger(move |ledger| ledger.installation_of(&workspace, &provider)).await
    }

    /// The mode of the workspace's installation, if it has one.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn mode(&self) -> Result<Option<Mode>, Error> {
        Ok(self.current().await?.and_then(|row| row.mode))
    }

    /// The workspace's installation, opened.
    async fn opened(&self) -> Result<Opened, Error> {
        match self.current().await? {
            Some(row) if row.state == State::Active => self.open_row(row),
            Some(row) => Err(Error::Unfinished(row.state)),
            None => Err(Error::NotInstalled),
        }
    }

    fn open_row(&self, row: InstallationRow) -> Result<Opened, Error> {
        let credentials = self.open_credentials(&row)?;
        let sealed = row.record.as_deref().ok_or(Error::NotInstalled)?;
        let record = self.vault.open_sealed(&record_of(&row.id), sealed)?;
        let record = serde_json::from_slice(&record).map_err(|_| Error::RecordUnreadable)?;
        Ok(Opened { row, record, credentials })
    }

    fn open_credentials(&self, row: &InstallationRow) -> Result<Credentials, Error> {
        let sealed = row.credentials.as_deref().ok_or(Error::NotInstalled)?;
        let json = self.vault.open_sealed(&credentials_of(&row.id), sealed)?;
        let pairs: Vec<(String, String)> =
            serde_json::from_slice(&json).map_err(|_| Error::RecordUnreadable)?;
        Ok(Credentials::new(pairs.into_iter().map(|(name, value)| (name, value.into()))))
    }

    fn seal_credentials(&self, id: &str, credentials: &Credentials) -> Result<Vec<u8>, Error> {
        let pairs: Vec<(&str, &str)> =
            credentials.iter().map(|(name, secret)| (name, secret.expose_secret())).collect();
        let json = serde_json::to_vec(&pairs).map_err(|_| Error::RecordUnreadable)?;
        Ok(self.vault.seal(&credentials_of(id), &json)?)
    }

    fn seal_record(&self, record: &Installation) -> Result<Vec<u8>, Error> {
        let json = serde_json::to_vec(record).map_err(|_| Error::RecordUnreadable)?;
        Ok(self.vault.seal(&record_of(&record.installation_id), &json)?)
    }

    /// What the credentials of an installation are, by the manifest's rules.
    fn accepted(
        &self,
        row: &InstallationRow,
        credentials: &Credentials,
    ) -> Result<Accepted, Error> {
        Ok(self.plugin.rules().judge(credentials, row.mode)?)
    }

    /// What `install` and `repair` are told. `before` are the credentials that the installation has
    /// had; none: it is new.
    fn install_request(
        &self,
        row: &InstallationRow,
        credentials: &Credentials,
        before: Option<&Credentials>,
    ) -> Result<InstallRequest, Error> {
        let accepted = self.accepted(row, credentials)?;
        let changed = |name: &str| before.is_none_or(|before| !before.agree(credentials, name));
        Ok(InstallRequest {
            installation_id: row.id.clone(),
            workspace: row.workspace.clone(),
            mode: accepted.mode,
            credentials: self.plugin.rules().described(&accepted, credentials, changed),
            webhook_urls: self.webhook_urls(&row.id),
            webhook_owner: if row.webhook_is_manual {
                WebhookOwner::Merchant
            } else {
                WebhookOwner::Plugin
            },
        })
    }
}

impl Opened {
    /// A problem of the plugin's, with nothing of the credentials and the signing secrets in it.
    fn redacted(&self, problem: Problem) -> Problem {
        let secrets = self.record.webhook.signing_secrets.iter().enumerate();
        let secrets = secrets.map(|(number, secret)| (number.to_string(), secret.clone().into()));
        redacted_problem(&Credentials::new(secrets), redacted_problem(&self.credentials, problem))
    }
}

/// An error of the plugin's, with nothing of the credentials in it.
fn redacted(credentials: &Credentials, mut error: ProviderError) -> ProviderError {
    let problem = error.problem_mut();
    *problem = redacted_problem(credentials, problem.clone());
    error
}

/// A problem of the plugin's, with nothing of the credentials in it.
fn redacted_problem(credentials: &Credentials, mut problem: Problem) -> Problem {
    problem.code = credentials.redact(&problem.code);
    problem.message = credentials.redact(&problem.message);
    for step in &mut problem.remedy {
        *step = credentials.redact(step);
    }
    problem
}

/// What sealed credentials are bound to.
fn credentials_of(installation: &str) -> String {
    format!("{installation}/credentials")
}

/// What a sealed record is bound to.
fn record_of(installation: &str) -> String {
    format!("{installation}/record")
}

fn make_private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
