//! Which component each installation belongs to.

use rusqlite::params;

use super::{Ledger, LedgerError};
use crate::types::Mode;

/// A component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Whether it is the one that is built into the host.
    pub is_built_in: bool,
}

#[cfg(test)]
impl Component {
    /// Some built-in component.
    pub(crate) fn some() -> Self {
        Self { sha256: "c".to_owned(), is_built_in: true }
    }
}

/// Installations that hold secrets, of one component and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledComponent {
    /// Their component.
    pub component: Component,
    /// Test or live. None: an earlier version of this program began the install and did not finish.
    pub mode: Option<Mode>,
    /// How many there are.
    pub installations: u64,
}

impl Ledger {
    /// The installations of a provider that hold secrets, in every workspace or in one, by its id.
    pub fn installed_components(
        &self,
        provider: &str,
        workspace: Option<&str>,
    ) -> Result<Vec<InstalledComponent>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT component, is_built_in, mode, count(*) FROM installations
             WHERE provider = ?1 AND sealed_credentials IS NOT NULL
                 AND workspace = coalesce(?2, workspace)
             GROUP BY component, is_built_in, mode ORDER BY component, is_built_in, mode",
        )?;
        let rows = statement.query_map(params![provider, workspace], |row| {
            let mode: Option<String> = row.get(2)?;
            Ok(InstalledComponent {
                component: Component { sha256: row.get(0)?, is_built_in: row.get(1)? },
                mode: mode.and_then(|name| Mode::parse(&name)),
                installations: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The providers of all installations that hold secrets.
    pub fn installed_providers(&self) -> Result<Vec<String>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT provider FROM installations WHERE sealed_credentials IS NOT NULL
             ORDER BY provider",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Gives the installations of a provider to another component, in every workspace or in one, by its id. Their own
    /// page origins have to be approved again. Returns how many had another one before.
    pub fn take_over(
        &mut self,
        provider: &str,
        workspace: Option<&str>,
        component: &Component,
        now: u64,
    ) -> Result<usize, LedgerError> {
        let transaction = self.write()?;
        // They were approved for what the other component does.
        transaction
            .prepare_cached(
                "DELETE FROM page_origins WHERE installation IN
                 (SELECT id FROM installations
                  WHERE provider = ?1 AND sealed_credentials IS NOT NULL
                      AND workspace = coalesce(?2, workspace)
                      AND (component <> ?3 OR is_built_in <> ?4))",
            )?
            .execute(params![provider, workspace, component.sha256, component.is_built_in])?;
        let moved = transaction
            .prepare_cached(
                "UPDATE installations SET component = ?3, is_built_in = ?4, changed_at = ?5
             WHERE provider = ?1 AND sealed_credentials IS NOT NULL
                 AND workspace = coalesce(?2, workspace)
                 AND (component <> ?3 OR is_built_in <> ?4)",
            )?
            .execute(params![provider, workspace, component.sha256, component.is_built_in, now])?;
        transaction.commit()?;
        Ok(moved)
    }

    /// Gives the installations of the built-in component to its present version. Returns how many were of an
    /// earlier one.
    pub fn move_built_in(
        &mut self,
        provider: &str,
        component_sha256: &str,
        now: u64,
    ) -> Result<usize, LedgerError> {
        // Read first, so that a reader does not wait for writers.
        let is_moved = !self
            .connection
            .prepare_cached(
                "SELECT 1 FROM installations
                 WHERE provider = ?1 AND sealed_credentials IS NOT NULL AND is_built_in = 1
                     AND component <> ?2",
            )?
            .exists(params![provider, component_sha256])?;
        if is_moved {
            return Ok(0);
        }
        Ok(self
            .connection
            .prepare_cached(
                "UPDATE installations SET component = ?2, changed_at = ?3
             WHERE provider = ?1 AND sealed_credentials IS NOT NULL AND is_built_in = 1
                 AND component <> ?2",
            )?
            .execute(params![provider, component_sha256, now])?)
    }

    /// Lets an installation send its customers to this origin as well.
    pub fn approve_page_origin(
        &mut self,
        installation: &str,
        origin: &str,
        now: u64,
    ) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO page_origins (installation, origin, approved_at)
             VALUES (?1, ?2, ?3)",
            )?
            .execute(params![installation, origin, now])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoredInstallation;

    fn component(sha256: &str, is_built_in: bool) -> Component {
        Component { sha256: sha256.to_owned(), is_built_in }
    }

    fn install(ledger: &mut Ledger, workspace: &str, component: Component) -> String {
        let workspace = ledger.workspace_id(workspace).unwrap();
        let installation = StoredInstallation {
            sealed_credentials: Some(vec![1]),
            mode: Some(Mode::Test),
            ..StoredInstallation::installing(&format!("of-{workspace}"), &workspace, "P", component)
        };
        ledger.begin_installation(&installation, 1).unwrap();
        installation.id
    }

    #[test]
    fn installations_move_only_with_their_component() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        let built_in = install(&mut ledger, "a", component("old", true));
        let other = install(&mut ledger, "b", component("foreign", false));
        let of = |ledger: &Ledger, id: &str| ledger.installation(id).unwrap().unwrap().component;
        // An upgrade of the host moves its own, and no other.
        assert_eq!(ledger.move_built_in("P", "new", 2).unwrap(), 1);
        assert_eq!(ledger.move_built_in("P", "new", 2).unwrap(), 0);
        assert_eq!(of(&ledger, &built_in), component("new", true));
        assert_eq!(of(&ledger, &other), component("foreign", false));
        // In one workspace, or in all.
        let id = ledger.workspace_id("b").unwrap();
        let next = component("next", false);
        assert_eq!(ledger.take_over("P", Some(&id), &next, 3).unwrap(), 1);
        assert_eq!(of(&ledger, &built_in), component("new", true));
        assert_eq!(ledger.take_over("P", None, &next, 3).unwrap(), 1);
        assert_eq!(ledger.take_over("Q", None, &component("x", false), 3).unwrap(), 0);
        assert_eq!((of(&ledger, &built_in), of(&ledger, &other)), (next.clone(), next));
        // What holds no secret stays as it was.
        ledger.finish_uninstalling(&other, 4).unwrap();
        assert_eq!(ledger.take_over("P", None, &component("last", false), 5).unwrap(), 1);
        let installed = ledger.installed_components("P", None).unwrap();
        assert_eq!(installed.len(), 1);
        assert_eq!((installed[0].installations, installed[0].mode), (1, Some(Mode::Test)));
    }

    #[test]
    fn page_origins_are_of_one_installation() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
        let one = install(&mut ledger, "a", component("c", true));
        let other = install(&mut ledger, "b", component("c", true));
        for origin in ["https://pay.one.example", "https://two.example", "https://two.example"] {
            ledger.approve_page_origin(&one, origin, 1).unwrap();
        }
        let of = |id: &str| ledger.installation(id).unwrap().unwrap().page_origins;
        assert_eq!(of(&one), ["https://pay.one.example", "https://two.example"]);
        assert!(of(&other).is_empty());
        // The same component keeps them, another one does not.
        ledger.take_over("P", None, &component("c", true), 2).unwrap();
        assert_eq!(ledger.installation(&one).unwrap().unwrap().page_origins.len(), 2);
        ledger.take_over("P", None, &component("next", false), 2).unwrap();
        assert!(ledger.installation(&one).unwrap().unwrap().page_origins.is_empty());
    }
}
