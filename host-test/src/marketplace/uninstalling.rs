//! Uninstalling, and what is left of an install or an uninstall that a crash has cut off.

use super::{Error, Marketplace, redacted};
use crate::clock::now;
use crate::contract::types::{Installation, Mode, Problem, ProviderError, WebhookOwner};
use crate::ledger::{InstallationRow, State};

const BY_FORCE: &str = "If that cannot be: run `host-test uninstall --force`, and delete by hand the webhook that it names.";

/// An installation that is over.
#[derive(Debug, PartialEq)]
pub struct Removed {
    /// Test or live, as far as it is known.
    pub mode: Option<Mode>,
    /// What is left at the provider, for the merchant to delete.
    pub left: Option<Left>,
}

/// What is left at the provider.
#[derive(Debug, PartialEq)]
pub struct Left {
    /// The provider's id of the webhook, as far as it is known.
    pub endpoint: Option<String>,
    /// The webhook's URL, as far as it is known.
    pub url: Option<String>,
    /// Why it is left. None: the merchant has made it.
    pub because: Option<Problem>,
}

impl Marketplace {
    /// Removes the installation: the provider's side, then the secrets. With `force` it goes on
    /// where the provider cannot be told, and says what is left there.
    ///
    /// # Errors
    ///
    /// There is no installation, or the provider cannot be told.
    pub async fn uninstall(&self, force: bool) -> Result<Removed, Error> {
        let row = self.current().await?.ok_or(Error::NotInstalled)?;
        self.remove(row, force).await
    }

    async fn remove(&self, row: InstallationRow, force: bool) -> Result<Removed, Error> {
        let (id, begun, mode) = (row.id.clone(), row.id.clone(), row.mode);
        if !self.ledger(move |ledger| ledger.begin_uninstalling(&begun, now())).await? {
            return Err(Error::Superseded);
        }
        let known = self.open_row(row.clone()).ok().map(|opened| opened.record);
        let left = match self.tell_provider(row).await {
            Ok(record) if is_made_by_hand(&record) => Some(left(Some(record), None)),
            Ok(_) => None,
            Err(error) if force => Some(left(known, Some(error.problem()))),
            Err(mut error) => {
                if !matches!(&error, Error::Provider(error) if error.may_have_happened()) {
                    self.ledger(move |ledger| ledger.cancel_uninstalling(&id, now())).await?;
                }
                if let Error::Provider(error) = &mut error {
                    error.problem_mut().remedy.push(BY_FORCE.to_owned());
                }
                return Err(error);
            }
        };
        self.ledger(move |ledger| ledger.finish_uninstalling(&id, now())).await?;
        Ok(Removed { mode, left })
    }

    /// Has the plugin remove what it made, and gives what that was.
    async fn tell_provider(&self, row: InstallationRow) -> Result<Installation, Error> {
        let (record, credentials) = if row.record.is_some() {
            let opened = self.open_row(row)?;
            (opened.record, opened.credentials)
        } else {
            // It was cut off, and what it made is not known. The same install again is the same
            // one, and says it.
            let credentials = self.open_credentials(&row)?;
            let request = self.install_request(&row, &credentials, None)?;
            let egress = self.egress(credentials.clone(), request.mode).await?;
            let installed = self.plugin.install(egress, &request).await?;
            (installed.map_err(|error| redacted(&credentials, error))?, credentials)
        };
        let egress = self.egress(credentials, record.mode).await?;
        self.plugin.uninstall(egress, &record).await??;
        Ok(record)
    }

    /// Finishes what a crash has cut off, and says what that was. After an uninstall nothing is left
    /// to go on with.
    pub(super) async fn resume(&self) -> Result<Vec<String>, Error> {
        match self.current().await? {
            Some(row) if row.state == State::Installing => {
                let credentials = self.open_credentials(&row)?;
                let mut changes = vec!["An install that had been cut off was finished.".to_owned()];
                changes.extend(self.carry_out(&row, credentials).await?.changes);
                Ok(changes)
            }
            Some(row) if row.state == State::Uninstalling => {
                self.remove(row, false).await?;
                Err(Error::UninstallFinished)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The installation that works. What a crash has cut off before makes way for a new one.
    pub(super) async fn clear_the_way(&self) -> Result<Option<InstallationRow>, Error> {
        match self.current().await? {
            Some(row) if row.state == State::Active => Ok(Some(row)),
            Some(row) => {
                let is_install = row.record.is_none();
                match self.remove(row, false).await {
                    // Its key is of no use any more: nothing can be done with it, and nothing more
                    // for it.
                    Err(Error::Provider(
                        ProviderError::InvalidCredentials(_)
                        | ProviderError::PermissionMissing(_)
                        | ProviderError::Refused(_),
                    )) if is_install => Ok(None),
                    removed => removed.map(|_| None),
                }
            }
            None => Ok(None),
        }
    }
}

/// Whether the merchant has made the webhook, and it is there.
fn is_made_by_hand(record: &Installation) -> bool {
    record.webhook.endpoint_id.is_some() && record.webhook.owner == WebhookOwner::Merchant
}

fn left(record: Option<Installation>, because: Option<Problem>) -> Left {
    let webhook = record.map(|record| record.webhook);
    Left {
        endpoint: webhook.as_ref().and_then(|webhook| webhook.endpoint_id.clone()),
        url: webhook.map(|webhook| webhook.url),
        because,
    }
}
