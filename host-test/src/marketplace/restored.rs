//! A ledger that was restored from a backup.

use super::{Error, Marketplace};
use crate::contract::types::Mode;

impl Marketplace {
    /// Closes `pay` in every workspace until the events since the backup are listed, so that a reference that was
    /// paid since then is not sold again. Returns the workspaces' ids that are closed, with their modes.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn record_restored(&self) -> Result<Vec<(String, Mode)>, Error> {
        let scopes = self.change_at(ledger::Ledger::record_restored).await?;
        Ok(scopes.into_iter().map(|scope| (scope.workspace, scope.mode.into())).collect())
    }
}
