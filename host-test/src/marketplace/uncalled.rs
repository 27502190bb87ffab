//! Uninstalling without a call of the plugin: the key is lost, or the installation belongs to another component.

use super::uninstall::{DRAINING_PERIOD, LeftWebhook, Uninstalled};
use super::webhook_url::webhook_urls;
use super::{Error, Marketplace};
use crate::contract::types::{Mode, Problem};
use crate::vault::VaultError;
use ledger::StoredInstallation;

/// Whether the secrets of an installation can never be used again. What may be over by itself does not count.
pub(super) fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::InstallationUnreadable
            | Error::Vault(
                VaultError::Missing(_) | VaultError::DoesNotOpen | VaultError::MalformedFile(_)
            )
    )
}

impl Marketplace {
    /// Destroys the secrets of earlier installations that wait for their open payments and whose key is lost: nothing
    /// can be recorded with them, and while there are some, the key is not replaced. None: there are none.
    pub(super) async fn destroy_draining(&self) -> Result<Option<Uninstalled>, Error> {
        let (provider, workspace) = (self.provider_id().to_owned(), self.workspace.clone());
        let watched =
            self.read(move |ledger| ledger.watched_installations(&provider, &workspace)).await?;
        let mut destroyed: Option<Uninstalled> = None;
        for installation in watched {
            let stored = self.read(move |ledger| ledger.installation(&installation.id)).await?;
            let Some(stored) = stored.filter(|stored| stored.draining_until.is_some()) else {
                continue;
            };
            match self.open_installation(stored.clone()).await {
                Err(error) if is_lost(&error) => {
                    let mut more = self.destroy(&stored, &error).await?;
                    more.open.extend(destroyed.into_iter().flat_map(|destroyed| destroyed.open));
                    destroyed = Some(more);
                }
                // Its own component can still use them.
                Err(Error::ComponentDiffers { .. }) => {}
                opened => drop(opened?),
            }
        }
        Ok(destroyed)
    }

    /// Destroys the secrets of an installation that cannot be used, without a call. What can still be paid is not
    /// watched any more.
    pub(super) async fn destroy(
        &self,
        stored: &StoredInstallation,
        because: &Error,
    ) -> Result<Uninstalled, Error> {
        let (id, mode) = (stored.id.clone(), stored.mode.map(Mode::from));
        let because = because.problem();
        let open = match mode {
            Some(Mode::Live) => self.list_open_payments(&id, &because).await?,
            _ => Vec::new(),
        };
        self.change_at(move |ledger, now| {
            ledger.abandon_open_payments(&id, now)?;
            ledger.finish_uninstalling(&id, now)
        })
        .await?;
        self.changes.send_replace(());
        let left = Some(self.uncalled_webhook(stored, because));
        Ok(Uninstalled { mode, left, open, draining_until: None })
    }

    /// Uninstalls without a call what belongs to another component. Its keys stay while a live payment can still be
    /// paid: a wrong component must not end what the right one watches.
    pub(super) async fn uninstall_uncalled(
        &self,
        stored: &StoredInstallation,
        because: &Error,
    ) -> Result<Uninstalled, Error> {
        let id = stored.id.clone();
        let open = match stored.mode.map(Mode::from) {
            Some(Mode::Live) => self.list_open_payments(&id, &because.problem()).await?,
            _ => Vec::new(),
        };
        if open.is_empty() {
            return self.destroy(stored, because).await;
        }
        let until = self.now() + DRAINING_PERIOD;
        self.change_at(move |ledger, now| ledger.begin_draining(&id, until, now)).await?;
        let left = Some(self.uncalled_webhook(stored, because.problem()));
        Ok(Uninstalled { mode: Some(Mode::Live), left, open, draining_until: Some(until) })
    }

    /// Ends an installation that belongs to another component and has waited for its open payments long enough.
    pub(super) async fn end_overdue(&self, stored: &StoredInstallation) -> Result<(), Error> {
        if stored.draining_until.is_some_and(|until| self.now() >= until) {
            let id = stored.id.clone();
            self.change_at(move |ledger, now| {
                ledger.abandon_open_payments(&id, now)?;
                ledger.finish_uninstalling(&id, now)
            })
            .await?;
        }
        Ok(())
    }

    /// The webhook of an installation whose record is not opened: its own URL is known all the same.
    fn uncalled_webhook(&self, stored: &StoredInstallation, because: Problem) -> LeftWebhook {
        let urls = webhook_urls(self.provider_id(), &stored.id).installation;
        let url = match stored.mode.map(Mode::from) {
            Some(Mode::Live) => urls.live,
            _ => urls.test,
        };
        LeftWebhook { endpoint: None, url: Some(url), because: Some(because) }
    }
}
