//! Recovery: finishes an install or an uninstall that a crash has interrupted.

use super::{Error, Marketplace};
use crate::contract::types::ProviderError;
use crate::plugin::CallError;
use ledger::{InstallationState, StoredInstallation};

impl Marketplace {
    /// Finishes an interrupted install and returns what was changed, a sentence each.
    ///
    /// # Errors
    ///
    /// The provider refuses or cannot be reached. `UninstallFinished`: an interrupted uninstall was
    /// finished, so nothing is installed any more.
    pub(super) async fn recover(&self) -> Result<Vec<String>, Error> {
        match self.current_installation().await? {
            Some(mut stored) if stored.state == InstallationState::Installing => {
                let sealing = self.sealing().await?;
                let credentials = self.open_credentials(&mut stored).await?;
                let mut changes = vec!["An interrupted install was finished.".to_owned()];
                changes.extend(self.finish_install(&stored, credentials, &sealing).await?.changes);
                Ok(changes)
            }
            Some(stored) if stored.state == InstallationState::Uninstalling => {
                self.uninstall_stored(stored, false).await?;
                Err(Error::UninstallFinished)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The active installation, if there is one. An interrupted install or uninstall is undone or
    /// finished, so that a new install can begin.
    pub(super) async fn recover_before_install(&self) -> Result<Option<StoredInstallation>, Error> {
        match self.current_installation().await? {
            Some(stored) if stored.state == InstallationState::Active => Ok(Some(stored)),
            Some(stored) => {
                let is_install = stored.sealed_installation.is_none();
                match self.uninstall_stored(stored, false).await {
                    // Its credentials are of no use any more, or its plugin's answers: nothing can be removed with
                    // them.
                    Err(
                        Error::Provider(
                            ProviderError::InvalidCredentials(_)
                            | ProviderError::PermissionMissing(_)
                            | ProviderError::Refused(_),
                        )
                        | Error::Plugin(CallError::AnswerRefused(_)),
                    ) if is_install => Ok(None),
                    uninstalled => uninstalled.map(|_| None),
                }
            }
            None => Ok(None),
        }
    }
}
