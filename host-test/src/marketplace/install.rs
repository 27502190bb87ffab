//! Install, rotation of credentials, and repair.
//!
//! An install is stored before the provider is called, and its signing secrets are stored before
//! leftovers of earlier installs are deleted. After a crash at any point the next command can go on.

use super::sealed::{seal_credentials, seal_installation};
use super::{Connection, Error, Marketplace, TakeOver};
use crate::contract::types::{Installation, Mode, ModeSource, RepairOutcome};
use crate::egress::Credentials;
use crate::vault::Sealing;
use ledger::{InstallationState, StoredInstallation};

/// How often the plugin's `repair` is called in a row, as long as it changes something: what the
/// first call creates has to be stored before the second may delete what it replaces.
const REPAIR_PASSES: u32 = 2;

/// How to install.
pub struct InstallOptions {
    /// The merchant's credentials.
    pub credentials: Credentials,
    /// The mode that the merchant has chosen. None: it follows from the credentials, or stays.
    pub mode: Option<Mode>,
    /// Whether the merchant creates the webhook by hand. None: as it is installed, else the plugin
    /// creates it.
    pub webhook_is_manual: Option<bool>,
    /// Whether the operator approves everything that the manifest asks for.
    pub approve_origins: bool,
}

impl Marketplace {
    /// Installs the provider, or replaces the credentials of the installation if the mode and the
    /// account are the same.
    ///
    /// # Errors
    ///
    /// The provider refuses or cannot be reached, the provider is installed in the other mode, or
    /// the plugin's origins are not approved.
    pub async fn install(&self, options: InstallOptions) -> Result<Connection, Error> {
        if options.approve_origins {
            self.approve(TakeOver::Workspace, &[]).await?;
        }
        self.check_usable().await?;
        let chosen = match self.plugin.manifest().mode_source {
            ModeSource::Merchant if options.mode.is_none() => self.mode().await?,
            _ => options.mode,
        };
        let mode = self.plugin.rules().classify(&options.credentials, chosen)?.mode;
        self.check_approval(Some(mode))?;
        let active = self.recover_before_install().await?;
        let sealing = self.sealing().await?;
        match active {
            Some(active) => self.rotate(active, options, mode, &sealing).await,
            None => self.install_anew(options, mode, &sealing).await,
        }
    }

    /// Checks what can be checked before there is a workspace: the component's approval, the form of the credentials,
    /// and the mode.
    ///
    /// # Errors
    ///
    /// The component is not approved, or the credentials or the mode are refused.
    pub fn check_new(&self, options: &InstallOptions) -> Result<(), Error> {
        self.check_approval(None)?;
        let mode = self.plugin.rules().classify(&options.credentials, options.mode)?.mode;
        self.check_approval(Some(mode))
    }

    async fn install_anew(
        &self,
        options: InstallOptions,
        mode: Mode,
        sealing: &Sealing,
    ) -> Result<Connection, Error> {
        let credentials = options.credentials;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let new = StoredInstallation {
            webhook_is_manual: options.webhook_is_manual.unwrap_or(false),
            sealed_credentials: Some(seal_credentials(sealing, &id, &credentials)?),
            mode: Some(mode.into()),
            ..StoredInstallation::installing(
                &id,
                &self.workspace,
                self.provider_id(),
                self.component(),
            )
        };
        let (begun, approvals) = (new.clone(), self.plugin.manifest().approvals());
        self.change_at(move |ledger, now| {
            // A review compares another component with it. One that is not built in was approved before.
            if begun.component.is_built_in {
                ledger.approve(&begun.component.sha256, &approvals, None, now)?;
            }
            ledger.begin_installation(&begun, now)
        })
        .await?;
        let connection = self.finish_install(&new, credentials, sealing).await;
        if let Err(Error::Provider(error)) = &connection
            && !error.may_have_happened()
        {
            // The provider has created nothing, so nothing has to be kept.
            self.change_at(move |ledger, now| ledger.finish_uninstalling(&id, now)).await?;
        }
        connection
    }

    /// Calls the plugin's `install` for a stored installation. Calling it again for the same
    /// installation has the same result.
    pub(super) async fn finish_install(
        &self,
        stored: &StoredInstallation,
        credentials: Credentials,
        sealing: &Sealing,
    ) -> Result<Connection, Error> {
        let request = self.install_request(stored, &credentials, None, None)?;
        let call = self.access(stored, &credentials, request.mode)?.call();
        let installation = self.plugin.install(call, &request).await??;
        let mut stored = stored.clone();
        stored.mode = Some(request.mode.into());
        self.store(&mut stored, &installation, &credentials, sealing).await?;
        let (id, page_origins) = (stored.id.clone(), stored.page_origins.clone());
        self.change_at(move |ledger, now| ledger.adopt_payments(&id, now)).await?;
        // Deletes leftovers of earlier installs, now that the new signing secret is stored.
        let repaired =
            self.repair_installation(stored, installation.clone(), &credentials, sealing).await;
        match repaired {
            Ok((installation, changes)) => {
                Ok(self.connection(installation, page_origins, changes, false))
            }
            // The installation works, and the next repair deletes the leftovers.
            Err(Error::Provider(_) | Error::Plugin(_)) => {
                Ok(self.connection(installation, page_origins, Vec::new(), false))
            }
            Err(error) => Err(error),
        }
    }

    /// Replaces the credentials. The plugin's `repair` checks that the account is the same.
    async fn rotate(
        &self,
        active: StoredInstallation,
        options: InstallOptions,
        mode: Mode,
        sealing: &Sealing,
    ) -> Result<Connection, Error> {
        if let Some(installed) = active.mode.map(Mode::from).filter(|installed| *installed != mode)
        {
            let provider = self.plugin.manifest().name.clone();
            return Err(Error::ModeMismatch { provider, installed });
        }
        if options.webhook_is_manual.is_some_and(|manual| manual != active.webhook_is_manual) {
            return Err(Error::WebhookSetupDiffers);
        }
        let opened = self.open_installation(active).await?;
        let page_origins = opened.stored.page_origins.clone();
        let credentials = &options.credentials;
        let (installation, changes) = self
            .repair_installation(opened.stored, opened.installation, credentials, sealing)
            .await?;
        Ok(self.connection(installation, page_origins, changes, true))
    }

    /// Recreates or corrects the installation's webhook at the provider.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the provider refuses or cannot be reached.
    pub async fn repair(&self) -> Result<Connection, Error> {
        let mut changes = self.recover().await?;
        let sealing = self.sealing().await?;
        let opened = self.active_installation().await?;
        let page_origins = opened.stored.page_origins.clone();
        let credentials = &opened.credentials;
        let (installation, repaired) = self
            .repair_installation(opened.stored, opened.installation, credentials, &sealing)
            .await?;
        changes.extend(repaired);
        Ok(self.connection(installation, page_origins, changes, false))
    }

    async fn repair_installation(
        &self,
        mut stored: StoredInstallation,
        mut installation: Installation,
        credentials: &Credentials,
        sealing: &Sealing,
    ) -> Result<(Installation, Vec<String>), Error> {
        let mut changes = Vec::new();
        for _ in 0..REPAIR_PASSES {
            let repaired =
                self.repair_once(&mut stored, installation.clone(), credentials, sealing).await;
            match repaired {
                Ok(outcome) => {
                    installation = outcome.installation;
                    if outcome.changes.is_empty() {
                        break;
                    }
                    changes.extend(outcome.changes);
                }
                // The first pass is stored, and the next repair does the rest.
                Err(Error::Provider(_) | Error::Plugin(_)) if !changes.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok((installation, changes))
    }

    async fn repair_once(
        &self,
        stored: &mut StoredInstallation,
        installation: Installation,
        credentials: &Credentials,
        sealing: &Sealing,
    ) -> Result<RepairOutcome, Error> {
        let before = self.open_credentials(stored).await?;
        let (scope, id) = (self.scope(&stored.workspace, installation.mode), stored.id.clone());
        let known = self.read(move |ledger| ledger.latest_remote_id(&scope, &id)).await?;
        let request = self.install_request(stored, credentials, Some(&before), known)?;
        let call = self.access(stored, credentials, request.mode)?.call();
        let mut outcome = self.plugin.repair(call, &installation, &request).await??;
        // An account that is not said is still the one that was known.
        let account = outcome.installation.account.take().or(installation.account.clone());
        if installation.account.is_some() && account != installation.account {
            return Err(Error::InstallationForeign);
        }
        outcome.installation.account = account;
        self.store(stored, &outcome.installation, credentials, sealing).await?;
        Ok(outcome)
    }

    /// Stores the plugin's `installation` record and the credentials, unless somebody else has
    /// changed the stored installation since it was read. If it was uninstalled meanwhile, what the
    /// plugin has created is removed again, because nothing refers to it.
    async fn store(
        &self,
        stored: &mut StoredInstallation,
        installation: &Installation,
        credentials: &Credentials,
        sealing: &Sealing,
    ) -> Result<(), Error> {
        if installation.installation_id != stored.id
            || installation.workspace != stored.workspace
            || stored.mode.is_some_and(|mode| mode != installation.mode.into())
        {
            return Err(Error::InstallationForeign);
        }
        let read = stored.clone();
        stored.sealed_credentials = Some(seal_credentials(sealing, &stored.id, credentials)?);
        stored.sealed_installation = Some(seal_installation(sealing, installation)?);
        let new = stored.clone();
        let (mode, account) = (installation.mode.into(), installation.account.clone());
        let is_uninstalled = self
            .change_at(move |ledger, now| {
                let is_stored = ledger.store_installation(
                    &read,
                    new.sealed_credentials.as_deref().unwrap_or_default(),
                    new.sealed_installation.as_deref().unwrap_or_default(),
                    mode,
                    account.as_deref(),
                    now,
                )?;
                if is_stored {
                    return Ok(None);
                }
                let current = ledger.installation(&read.id)?;
                Ok(Some(
                    current.is_none_or(|current| current.state == InstallationState::Uninstalled),
                ))
            })
            .await?;
        match is_uninstalled {
            None => Ok(()),
            Some(is_uninstalled) => {
                if is_uninstalled {
                    let call = self.access(stored, credentials, installation.mode)?.call();
                    // If this fails, the next install's repair deletes the leftovers.
                    let _ = self.plugin.uninstall(call, installation).await?;
                }
                Err(Error::Superseded)
            }
        }
    }
}
