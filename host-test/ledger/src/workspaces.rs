//! Workspaces: their names, their ids, and what is installed in each.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{InstallationState, Ledger, LedgerError};
use crate::types::Mode;

/// A workspace, and what is installed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its name, which is its operator's.
    pub name: String,
    /// The provider's installation that is not uninstalled. None: there is none.
    pub installed: Option<Installed>,
}

/// An installation of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The installation's id.
    pub id: String,
    /// How far it has come.
    pub state: InstallationState,
    /// Test or live. None: an earlier version of this program began the install and did not finish.
    pub mode: Option<Mode>,
    /// The provider's id of the account. None: not known.
    pub account: Option<String>,
}

impl Ledger {
    /// The id of the workspace with this name. None: there is none.
    pub fn known_workspace_id(&self, name: &str) -> Result<Option<String>, LedgerError> {
        known_id(&self.connection, name)
    }

    /// The id of the workspace with this name, created at first use. The id is random, because two
    /// ledgers on one account of the provider must not take each other's payments for their own.
    pub fn workspace_id(&mut self, name: &str) -> Result<String, LedgerError> {
        // Read without the write lock first, so that a reader does not wait for writers.
        if let Some(id) = known_id(&self.connection, name)? {
            return Ok(id);
        }
        let new = uuid::Uuid::new_v4().simple().to_string();
        let transaction = self.write()?;
        transaction
            .prepare_cached("INSERT OR IGNORE INTO workspaces (name, id) VALUES (?1, ?2)")?
            .execute([name, &new])?;
        let id = known_id(&transaction, name)?.unwrap_or(new);
        transaction.commit()?;
        Ok(id)
    }

    /// The workspaces in the order of their names, at most `limit` of them, with what is installed of a provider.
    /// `from`: the first name, or an empty one.
    pub fn workspaces(
        &self,
        provider: &str,
        from: &str,
        limit: u32,
    ) -> Result<Vec<Workspace>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT workspaces.name, installations.id, installations.state, installations.mode,
                 installations.account
             FROM workspaces LEFT JOIN installations
                 ON installations.workspace = workspaces.id AND installations.provider = ?1
                     AND installations.state <> 'uninstalled'
             WHERE workspaces.name >= ?2
             ORDER BY workspaces.name LIMIT ?3",
        )?;
        let rows = statement.query_map(params![provider, from, limit], |row| {
            let id: Option<String> = row.get(1)?;
            let state: Option<String> = row.get(2)?;
            let mode: Option<String> = row.get(3)?;
            let account = row.get(4)?;
            let state = state.and_then(|name| InstallationState::parse(&name));
            Ok(Workspace {
                name: row.get(0)?,
                installed: id.zip(state).map(|(id, state)| Installed {
                    id,
                    state,
                    mode: mode.and_then(|name| Mode::parse(&name)),
                    account,
                }),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn known_id(connection: &Connection, name: &str) -> Result<Option<String>, LedgerError> {
    let found = connection
        .prepare_cached("SELECT id FROM workspaces WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Component, StoredInstallation};

    #[test]
    fn workspaces_are_listed_with_what_is_installed() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        assert_eq!(ledger.known_workspace_id("a").unwrap(), None);
        assert_eq!(ledger.workspaces("P", "", 10).unwrap(), []);
        let ids = ["a", "b", "c", ""].map(|name| ledger.workspace_id(name).unwrap());
        assert_eq!(ledger.known_workspace_id("a").unwrap().as_ref(), ids.first());
        for (number, (workspace, provider)) in
            [(&ids[0], "P"), (&ids[0], "Q"), (&ids[1], "P")].into_iter().enumerate()
        {
            let id = format!("i{number}");
            let new = StoredInstallation {
                mode: Some(Mode::Live),
                ..StoredInstallation::installing(&id, workspace, provider, Component::some())
            };
            ledger.begin_installation(&new, 1).unwrap();
        }
        ledger.finish_uninstalling("i2", 2).unwrap();
        let installed = |workspace: &Workspace| {
            (workspace.name.clone(), workspace.installed.clone().map(|installed| installed.id))
        };
        let list = |from, limit| -> Vec<_> {
            ledger.workspaces("P", from, limit).unwrap().iter().map(installed).collect()
        };
        let [none, first] = [None, Some("i0".to_owned())];
        let row = |name: &str, id: &Option<String>| (name.to_owned(), id.clone());
        let all = [row("", &none), row("a", &first), row("b", &none), row("c", &none)];
        assert_eq!(list("", 10), all);
        assert_eq!(list("", 2), all[..2]);
        assert_eq!(list("b", 1), all[2..3]);
        assert_eq!(list("d", 1), []);
    }
}
