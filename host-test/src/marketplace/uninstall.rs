//! Uninstall: at the provider first, then the secrets.

use super::redaction::redacted_error;
use super::{Error, Marketplace};
use crate::clock::now;
use crate::contract::types::{Installation, Mode, Problem, WebhookOwner};
use ledger::StoredInstallation;

const FORCE_STEP: &str = "If that is not possible: run `host-test uninstall --force`, and delete the webhook that it names by hand.";

/// The result of an uninstall.
#[derive(Debug, PartialEq)]
pub struct Uninstalled {
    /// Test or live. None: not known.
    pub mode: Option<Mode>,
    /// The webhook that is left at the provider, for the merchant to delete.
    pub left: Option<LeftWebhook>,
}

/// A webhook that is left at the provider.
#[derive(Debug, PartialEq)]
pub struct LeftWebhook {
    /// The provider's id of the webhook. None: not known.
    pub endpoint: Option<String>,
    /// The webhook's URL. None: not known.
    pub url: Option<String>,
    /// Why the plugin could not delete it. None: the merchant created it by hand.
    pub because: Option<Problem>,
}

impl LeftWebhook {
    fn new(installation: Option<Installation>, because: Option<Problem>) -> Self {
        let webhook = installation.map(|installation| installation.webhook);
        Self {
            endpoint: webhook.as_ref().and_then(|webhook| webhook.endpoint_id.clone()),
            url: webhook.map(|webhook| webhook.url),
            because,
        }
    }
}

impl Marketplace {
    /// Uninstalls the provider and destroys the credentials. With `force` it goes on although the
    /// provider refuses or cannot be reached, and reports what is left there.
    ///
    /// # Errors
    ///
    /// Nothing is installed; without `force`, the provider refuses or cannot be reached.
    pub async fn uninstall(&self, force: bool) -> Result<Uninstalled, Error> {
        let current = self.current_installation().await?.ok_or(Error::NotInstalled)?;
        self.uninstall_stored(current, force).await
    }

    pub(super) async fn uninstall_stored(
        &self,
        stored: StoredInstallation,
        force: bool,
    ) -> Result<Uninstalled, Error> {
        let (id, begun, mode) = (stored.id.clone(), stored.id.clone(), stored.mode);
        if !self.ledger(move |ledger| ledger.begin_uninstalling(&begun, now())).await? {
            return Err(Error::Superseded);
        }
        let known = self.open_installation(stored.clone()).ok().map(|opened| opened.installation);
        let left = match self.uninstall_at_provider(stored).await {
            Ok(installation) if has_manual_webhook(&installation) => {
                Some(LeftWebhook::new(Some(installation), None))
            }
            Ok(_) => None,
            Err(error) if force => Some(LeftWebhook::new(known, Some(error.problem()))),
            Err(mut error) => {
                if !matches!(&error, Error::Provider(error) if error.may_have_happened()) {
                    self.ledger(move |ledger| ledger.cancel_uninstalling(&id, now())).await?;
                }
                if let Error::Provider(error) = &mut error {
                    error.problem_mut().remedy.push(FORCE_STEP.to_owned());
                }
                return Err(error);
            }
        };
        self.ledger(move |ledger| ledger.finish_uninstalling(&id, now())).await?;
        Ok(Uninstalled { mode: mode.map(Into::into), left })
    }

    /// Calls the plugin's `uninstall`, and returns the installation that it was called with.
    async fn uninstall_at_provider(
        &self,
        stored: StoredInstallation,
    ) -> Result<Installation, Error> {
        let (installation, credentials) = if stored.sealed_installation.is_some() {
            let opened = self.open_installation(stored)?;
            (opened.installation, opened.credentials)
        } else {
            // The install did not finish, so what it has created is not known. Calling `install`
            // again for the same installation returns it.
            let credentials = self.open_credentials(&stored)?;
            let request = self.install_request(&stored, &credentials, None)?;
            let egress = self.egress(credentials.clone(), request.mode).await?;
            let installed = self.plugin.install(egress, &request).await?;
            (installed.map_err(|error| redacted_error(&credentials, error))?, credentials)
        };
        let egress = self.egress(credentials, installation.mode).await?;
        self.plugin.uninstall(egress, &installation).await??;
        Ok(installation)
    }
}

/// Whether the merchant created a webhook by hand, and it exists.
fn has_manual_webhook(installation: &Installation) -> bool {
    let webhook = &installation.webhook;
    webhook.endpoint_id.is_some() && webhook.owner == WebhookOwner::Merchant
}
