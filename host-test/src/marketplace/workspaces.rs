//! The workspaces of a data folder. One open marketplace serves all of them.

use super::{Error, Marketplace};
use ledger::Workspace;

/// Some of the workspaces, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePage {
    /// The workspaces, with what is installed in each.
    pub workspaces: Vec<Workspace>,
    /// The first name of the next page. None: there is no other.
    pub next: Option<String>,
}

impl Marketplace {
    /// This marketplace as the workspace of this name sees it.
    ///
    /// # Errors
    ///
    /// There is no such workspace, or the ledger fails.
    pub async fn in_workspace(&self, name: &str) -> Result<Self, Error> {
        let wanted = name.to_owned();
        let known = self.read(move |ledger| ledger.known_workspace_id(&wanted)).await?;
        let workspace = known.ok_or_else(|| Error::WorkspaceUnknown(name.to_owned()))?;
        Ok(Self { workspace, ..self.clone() })
    }

    /// As `in_workspace`, but the workspace is created if there is none of this name.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn in_new_workspace(&self, name: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        let workspace = self.change(move |ledger| ledger.workspace_id(&name)).await?;
        Ok(Self { workspace, ..self.clone() })
    }

    /// The workspaces in the order of their names, at most `limit` of them. `from`: the first name, or an empty one.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn workspaces(&self, from: &str, limit: u32) -> Result<WorkspacePage, Error> {
        let (provider, from) = (self.provider_id().to_owned(), from.to_owned());
        let mut workspaces = self
            .read(move |ledger| ledger.workspaces(&provider, &from, limit.saturating_add(1)))
            .await?;
        let more = workspaces.split_off(workspaces.len().min(limit as usize));
        Ok(WorkspacePage { workspaces, next: more.into_iter().next().map(|first| first.name) })
    }
}
