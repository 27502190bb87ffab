//! Installing, rotating and repairing.
//!
//! An install is written down before the provider is asked, and its secret is stored before what
//! earlier ones left behind is deleted. So a crash at any point leaves a state that the next
//! command puts right.

use super::{Error, Marketplace, redacted, redacted_problem};
use crate::clock::now;
use crate::contract::types::{Installation, Mode, ModeSource, Problem, RepairOutcome};
use crate::egress::Credentials;
use crate::ledger::{InstallationRow, State};

/// How often a repair goes on as long as it changes something.
const REPAIRS: u32 = 2;

/// How to install.
pub struct InstallOptions {
    /// What the merchant gave.
    pub credentials: Credentials,
    /// The mode that the merchant has chosen. None: it follows from the credentials, or stays.
    pub mode: Option<Mode>,
    /// Whether the merchant made the webhook by hand. None: as it is installed, else not.
    pub webhook_is_manual: Option<bool>,
    /// Whether the operator approves where the plugin calls.
    pub approve_origins: bool,
}

/// An installation as it is shown. It holds no secret.
#[derive(Debug, PartialEq)]
pub struct Connection {
    /// Its id.
    pub installation: String,
    /// The provider's name.
    pub provider: String,
    /// Test or live.
    pub mode: Mode,
    /// The provider's id of the merchant's account.
    pub account: Option<String>,
    /// Where deliveries go, as it is registered.
    pub webhook_url: String,
    /// The installation's own URL: a delivery there always reaches its plugin.
    pub installation_url: String,
    /// What is missing of the webhook.
    pub problem: Option<Problem>,
    /// What was changed at the provider besides.
    pub changes: Vec<String>,
    /// Whether only the credentials of an installation were replaced.
    pub is_rotation: bool,
}

impl Marketplace {
    /// Installs the provider, or replaces the credentials of an installation in the same mode and
    /// account.
    ///
    /// # Errors
    ///
    /// The provider refuses or is not there; another mode is installed; the origins are not
    /// approved.
    pub async fn install(&self, options: InstallOptions) -> Result<Connection, Error> {
        if options.approve_origins {
            let plugin = self.plugin.clone();
            self.ledger(move |ledger| ledger.approve(plugin.sha256(), plugin.manifest(), now()))
                .await?;
        }
        let chosen = match self.plugin.manifest().mode_source {
            ModeSource::Merchant if options.mode.is_none() => self.mode().await?,
            _ => options.mode,
        };
        let mode = self.plugin.rules().judge(&options.credentials, chosen)?.mode;
        match self.clear_the_way().await? {
            Some(row) => self.rotate(row, options, mode).await,
            None => self.install_anew(options, mode).await,
        }
    }

    async fn install_anew(&self, options: InstallOptions, mode: Mode) -> Result<Connection, Error> {
        let credentials = options.credentials;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let row = InstallationRow {
            id: id.clone(),
            workspace: self.workspace.clone(),
            provider: self.provider_id().to_owned(),
            state: State::Installing,
            webhook_is_manual: options.webhook_is_manual.unwrap_or(false),
            credentials: Some(self.seal_credentials(&id, &credentials)?),
            record: None,
            mode: Some(mode),
        };
        // Where it may call nobody, nothing is begun.
        self.egress(credentials.clone(), mode).await?;
        let component = self.plugin.sha256().to_owned();
        let begun = row.clone();
        self.ledger(move |ledger| ledger.begin_installation(&begun, &component, now())).await?;
        let connection = self.carry_out(&row, credentials).await;
        if let Err(Error::Provider(error)) = &connection
            && !error.may_have_happened()
        {
            // Nothing was made: nothing has to be kept.
            self.ledger(move |ledger| ledger.finish_uninstalling(&id, now())).await?;
        }
        connection
    }

    /// Carries an install out that is written down. The same install again is the same one.
    pub(super) async fn carry_out(
        &self,
        row: &InstallationRow,
        credentials: Credentials,
    ) -> Result<Connection, Error> {
        let request = self.install_request(row, &credentials, None)?;
        let egress = self.egress(credentials.clone(), request.mode).await?;
        let installed = self.plugin.install(egress, &request).await?;
        let record = installed.map_err(|error| redacted(&credentials, error))?;
        let mut row = row.clone();
        row.mode = Some(request.mode);
        self.store(&mut row, &record, &credentials).await?;
        // Only now, with the new secret stored, may what is left of earlier ones go.
        match self.repair_with(row, record.clone(), &credentials).await {
            Ok((record, changes)) => Ok(self.connection(record, changes, false, &credentials)),
            // The installation works all the same, and its next repair does the rest.
            Err(Error::Provider(_) | Error::Plugin(_)) => {
                Ok(self.connection(record, Vec::new(), false, &credentials))
            }
            Err(error) => Err(error),
        }
    }

    /// The plugin says whether the account is the same.
    async fn rotate(
        &self,
        row: InstallationRow,
        options: InstallOptions,
        mode: Mode,
    ) -> Result<Connection, Error> {
        if let Some(installed) = row.mode.filter(|installed| *installed != mode) {
            let provider = self.plugin.manifest().name.clone();
            return Err(Error::ModeMismatch { provider, installed });
        }
        if options.webhook_is_manual.is_some_and(|manual| manual != row.webhook_is_manual) {
            return Err(Error::WebhookSetupDiffers);
        }
        let opened = self.open_row(row)?;
        let credentials = &options.credentials;
        let (record, changes) = self.repair_with(opened.row, opened.record, credentials).await?;
        Ok(self.connection(record, changes, true, credentials))
    }

    /// Brings the provider's side of the installation back to what it should be.
    ///
    /// # Errors
    ///
    /// There is no installation, or the provider refuses or is not there.
    pub async fn repair(&self) -> Result<Connection, Error> {
        let mut changes = self.resume().await?;
        let opened = self.opened().await?;
        let credentials = &opened.credentials;
        let (record, repaired) = self.repair_with(opened.row, opened.record, credentials).await?;
        changes.extend(repaired);
        Ok(self.connection(record, changes, false, credentials))
    }

    /// Repairs, stores, and repairs what had to wait until something was stored.
    async fn repair_with(
        &self,
        mut row: InstallationRow,
        mut record: Installation,
        credentials: &Credentials,
    ) -> Result<(Installation, Vec<String>), Error> {
        let mut changes = Vec::new();
        for _ in 0..REPAIRS {
            match self.repair_once(&mut row, record.clone(), credentials).await {
                Ok(outcome) => {
                    record = outcome.installation;
                    if outcome.changes.is_empty() {
                        break;
                    }
                    changes.extend(outcome.changes);
                }
                // What is stored by now counts, and the next repair does the rest.
                Err(Error::Provider(_) | Error::Plugin(_)) if !changes.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok((record, changes))
    }

    async fn repair_once(
        &self,
        row: &mut InstallationRow,
        record: Installation,
        credentials: &Credentials,
    ) -> Result<RepairOutcome, Error> {
        let before = self.open_credentials(row)?;
        let request = self.install_request(row, credentials, Some(&before))?;
        let egress = self.egress(credentials.clone(), request.mode).await?;
        let repaired = self.plugin.repair(egress, &record, &request).await?;
        let outcome = repaired.map_err(|error| redacted(credentials, error))?;
        self.store(row, &outcome.installation, credentials).await?;
        Ok(outcome)
    }

    /// Stores what the plugin has made, if nobody has changed the row since it was read. What was
    /// made for an installation that is over is taken back: nobody else knows of it.
    async fn store(
        &self,
        row: &mut InstallationRow,
        record: &Installation,
        credentials: &Credentials,
    ) -> Result<(), Error> {
        if record.installation_id != row.id
            || record.workspace != row.workspace
            || row.mode.is_some_and(|mode| mode != record.mode)
        {
            return Err(Error::RecordForeign);
        }
        let read = row.clone();
        row.credentials = Some(self.seal_credentials(&row.id, credentials)?);
        row.record = Some(self.seal_record(record)?);
        let new = row.clone();
        let (mode, account) = (record.mode, record.account.clone());
        let account = account.map(|account| credentials.redact(&account));
        let is_over = self
            .ledger(move |ledger| {
                let credentials = new.credentials.unwrap_or_default();
                let record = new.record.unwrap_or_default();
                let account = account.as_deref();
                if ledger.store_installation(&read, &credentials, &record, mode, account, now())? {
                    return Ok(None);
                }
                let current = ledger.installation(&read.id)?;
                Ok(Some(current.is_none_or(|current| current.state == State::Uninstalled)))
            })
            .await?;
        match is_over {
            None => Ok(()),
            Some(is_over) => {
                if is_over {
                    let egress = self.egress(credentials.clone(), record.mode).await?;
                    // What is left all the same is for the next repair.
                    let _ = self.plugin.uninstall(egress, record).await?;
                }
                Err(Error::Superseded)
            }
        }
    }

    /// An installation as it is shown, with nothing in it of what the merchant gave.
    pub(super) fn connection(
        &self,
        record: Installation,
        changes: Vec<String>,
        is_rotation: bool,
        credentials: &Credentials,
    ) -> Connection {
        let clean = |text: String| credentials.redact(&text);
        let own = self.webhook_urls(&record.installation_id).installation;
        Connection {
            installation_url: match record.mode {
                Mode::Test => own.test,
                Mode::Live => own.live,
            },
            installation: record.installation_id,
            provider: self.plugin.manifest().name.clone(),
            mode: record.mode,
            account: record.account.map(clean),
            webhook_url: clean(record.webhook.url),
            problem: record.webhook.problem.map(|problem| redacted_problem(credentials, problem)),
            changes: changes.into_iter().map(clean).collect(),
            is_rotation,
        }
    }
}
