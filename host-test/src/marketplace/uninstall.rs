//! Uninstall: the open payments first, then the provider, then the secrets.

use super::closing::OpenPayment;
use super::handle::Handle;
use super::uncalled::is_lost;
use super::{Error, ErrorKind, Marketplace};
use crate::contract::types::{Installation, Mode, Problem, ProviderError, WebhookOwner};
use ledger::StoredInstallation;

const FORCE_STEP: &str = "If that is not possible: run `host-test uninstall --force`, and delete the webhook that it names by hand.";
const NEW_KEY_STEP: &str =
    "Run `host-test install` with a new key of the same account, and then uninstall again.";
/// How long the secrets of an installation with open payments are kept at most, in seconds: as long as
/// providers keep their events.
pub(super) const DRAINING_PERIOD: u64 = 30 * 86_400;

/// The result of an uninstall.
#[derive(Debug, PartialEq)]
pub struct Uninstalled {
    /// Test or live. None: not known.
    pub mode: Option<Mode>,
    /// The webhook that is left at the provider, for the merchant to delete.
    pub left: Option<LeftWebhook>,
    /// The payments that customers can still pay. Their deliveries are processed until they have ended.
    pub open: Vec<OpenPayment>,
    /// Until when that is at most, in Unix seconds. None: nothing is open.
    pub draining_until: Option<u64>,
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

/// What is open before the provider is told.
#[derive(Default)]
struct Remaining {
    open: Vec<OpenPayment>,
    /// Why nothing could be closed.
    because: Option<Problem>,
}

impl Marketplace {
    /// Closes the open payments, uninstalls the provider and destroys the credentials. A live payment that
    /// cannot be closed refuses it. With `force` it goes on although the provider refuses or cannot be
    /// reached: what can still be paid is watched until it has ended, and then the rest is deleted.
    ///
    /// # Errors
    ///
    /// Nothing is installed; without `force`, a live payment is open, or the provider refuses or cannot be
    /// reached.
    pub async fn uninstall(&self, force: bool) -> Result<Uninstalled, Error> {
        let current = self.current_installation().await?;
        let destroyed = if force { self.destroy_draining().await? } else { None };
        let Some(current) = current else { return destroyed.ok_or(Error::NotInstalled) };
        let mut uninstalled = self.uninstall_stored(current, force).await?;
        uninstalled.open.extend(destroyed.into_iter().flat_map(|destroyed| destroyed.open));
        Ok(uninstalled)
    }

    pub(super) async fn uninstall_stored(
        &self,
        stored: StoredInstallation,
        force: bool,
    ) -> Result<Uninstalled, Error> {
        let (id, begun, mode) = (stored.id.clone(), stored.id.clone(), stored.mode);
        if !self.change_at(move |ledger, now| ledger.begin_uninstalling(&begun, now)).await? {
            return Err(Error::Superseded);
        }
        let mode = mode.map(Mode::from);
        let usable = match self.open_installation(stored.clone()).await {
            Ok(opened) => {
                let known = opened.installation.clone();
                self.handle(opened).map(|handle| (Some(handle), Some(known)))
            }
            // The install did not finish.
            Err(Error::NotInstalled) => Ok((None, None)),
            Err(error) => Err(error),
        };
        let (handle, known) = match usable {
            Ok(usable) => usable,
            Err(error) if force && is_lost(&error) => return self.destroy(&stored, &error).await,
            // Only its own component can watch what is open. Without that, its time ends it.
            Err(error @ (Error::ComponentDiffers { .. } | Error::ComponentNotApproved(_)))
                if force =>
            {
                return self.uninstall_uncalled(&stored, &error).await;
            }
            Err(error) => {
                self.change_at(move |ledger, now| ledger.cancel_uninstalling(&id, now)).await?;
                return Err(error);
            }
        };
        let remaining = match self.close_before_uninstall(handle.as_ref(), force).await {
            Ok(remaining) if remaining.open.is_empty() || mode == Some(Mode::Test) => {
                Remaining::default()
            }
            Ok(remaining) if force => remaining,
            Ok(remaining) => {
                self.change_at(move |ledger, now| ledger.cancel_uninstalling(&id, now)).await?;
                return Err(Error::PaymentsOpen(remaining.open));
            }
            Err(mut error) => {
                self.change_at(move |ledger, now| ledger.cancel_uninstalling(&id, now)).await?;
                if let Error::Provider(error) = &mut error {
                    error.problem_mut().remedy.push(FORCE_STEP.to_owned());
                }
                return Err(error);
            }
        };
        if !remaining.open.is_empty() {
            let until = self.now() + DRAINING_PERIOD;
            self.change_at(move |ledger, now| ledger.begin_draining(&id, until, now)).await?;
            let left =
                remaining.because.map(|because| LeftWebhook::new(known.clone(), Some(because)));
            let manual = known.filter(has_manual_webhook);
            let left = left.or(manual.map(|known| LeftWebhook::new(Some(known), None)));
            let draining_until = Some(until);
            return Ok(Uninstalled { mode, left, open: remaining.open, draining_until });
        }
        let left = match self.uninstall_at_provider(stored).await {
            Ok(installation) if has_manual_webhook(&installation) => {
                Some(LeftWebhook::new(Some(installation), None))
            }
            Ok(_) => None,
            Err(error) if force => Some(LeftWebhook::new(known, Some(error.problem()))),
            Err(mut error) => {
                if !matches!(&error, Error::Provider(error) if error.may_have_happened()) {
                    self.change_at(move |ledger, now| ledger.cancel_uninstalling(&id, now)).await?;
                }
                if let Error::Provider(error) = &mut error {
                    if matches!(error, ProviderError::InvalidCredentials(_)) {
                        error.problem_mut().remedy.push(NEW_KEY_STEP.to_owned());
                    }
                    error.problem_mut().remedy.push(FORCE_STEP.to_owned());
                }
                return Err(error);
            }
        };
        self.change_at(move |ledger, now| {
            if mode == Some(Mode::Test) {
                ledger.abandon_open_payments(&id, now)?;
            }
            ledger.finish_uninstalling(&id, now)
        })
        .await?;
        self.changes.send_replace(());
        Ok(Uninstalled { mode, left, open: Vec::new(), draining_until: None })
    }

    /// Closes the open payments of an installation that is being uninstalled.
    async fn close_before_uninstall(
        &self,
        handle: Option<&Handle>,
        force: bool,
    ) -> Result<Remaining, Error> {
        let Some(handle) = handle else { return Ok(Remaining::default()) };
        match self.close_open_payments(handle).await {
            Ok(open) => Ok(Remaining { open, because: None }),
            // Nothing was refused: in test mode, too, the pages can be closed a moment later.
            Err(error)
                if !force
                    && error.kind() == ErrorKind::Temporary
                    && handle.mode() == Mode::Test =>
            {
                Err(error)
            }
            Err(error @ (Error::Provider(_) | Error::Plugin(_))) => {
                let mut because = error.problem();
                if matches!(error, Error::Provider(ProviderError::InvalidCredentials(_))) {
                    because.remedy.insert(0, NEW_KEY_STEP.to_owned());
                }
                let open = self.list_open_payments(handle.id(), &because).await?;
                Ok(Remaining { open, because: Some(because) })
            }
            Err(error) => Err(error),
        }
    }

    /// The open payments of an installation as the ledger knows them, at most a hundred.
    pub(super) async fn list_open_payments(
        &self,
        installation: &str,
        because: &Problem,
    ) -> Result<Vec<OpenPayment>, Error> {
        let installation = installation.to_owned();
        let open = self.read(move |ledger| ledger.open_payments(&installation, None, 100)).await?;
        let open = open.into_iter().map(|payment| OpenPayment {
            reference: payment.reference,
            payment: payment.remote_id,
            because: because.clone(),
        });
        Ok(open.collect())
    }

    /// Ends an uninstall that waited for its open payments, if they have ended or the period is over.
    ///
    /// # Errors
    ///
    /// The provider refuses or cannot be reached: the next round tries again.
    pub(super) async fn finish_draining(
        &self,
        handle: &Handle,
        stored: &StoredInstallation,
    ) -> Result<(), Error> {
        let is_over = self.now() >= stored.draining_until.unwrap_or(0);
        let (id, drained) = (stored.id.clone(), stored.id.clone());
        let open = self.read(move |ledger| ledger.open_payments(&id, None, 1)).await?;
        if !is_over && !open.is_empty() {
            return Ok(());
        }
        let uninstalled = handle.uninstall().await;
        // At the end of the period nothing more can be done with the credentials.
        if !is_over {
            uninstalled??;
        }
        self.change_at(move |ledger, now| {
            ledger.abandon_open_payments(&drained, now)?;
            ledger.finish_uninstalling(&drained, now)
        })
        .await?;
        self.changes.send_replace(());
        Ok(())
    }

    /// Calls the plugin's `uninstall`, and returns the installation that it was called with.
    async fn uninstall_at_provider(
        &self,
        mut stored: StoredInstallation,
    ) -> Result<Installation, Error> {
        let (installation, credentials) = if stored.sealed_installation.is_some() {
            let opened = self.open_installation(stored.clone()).await?;
            (opened.installation, opened.credentials)
        } else {
            // The install did not finish, so what it has created is not known. Calling `install`
            // again for the same installation returns it.
            let credentials = self.open_credentials(&mut stored).await?;
            let request = self.install_request(&stored, &credentials, None, None)?;
            let call = self.access(&stored, &credentials, request.mode)?.call();
            (self.plugin.install(call, &request).await??, credentials)
        };
        let call = self.access(&stored, &credentials, installation.mode)?.call();
        self.plugin.uninstall(call, &installation).await??;
        Ok(installation)
    }
}

/// Whether the merchant created a webhook by hand, and it exists. Many providers list no webhooks: then its signing
/// secret says so.
fn has_manual_webhook(installation: &Installation) -> bool {
    let webhook = &installation.webhook;
    let exists = webhook.endpoint_id.is_some() || !webhook.signing_secrets.is_empty();
    exists && webhook.owner == WebhookOwner::Merchant
}
