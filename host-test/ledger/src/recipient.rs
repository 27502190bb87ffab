//! Which installation a delivery at the shared URL is for.

use rusqlite::{Connection, params};

use super::installations::StoredInstallation;
use super::{Ledger, LedgerError};
use crate::types::DeliveryNames;

/// How many matching workspaces are read: two are enough to see that a name is ambiguous.
const MATCH_LIMIT: usize = 2;

impl Ledger {
    /// The installation that a delivery may be for: the one that it names, else the one whose
    /// payment or account it names, if exactly one workspace matches. The delivery is not verified.
    pub fn find_recipient(
        &self,
        provider: &str,
        names: &DeliveryNames,
    ) -> Result<Option<StoredInstallation>, LedgerError> {
        if let Some(id) = &names.installation
            && let Some(installation) = self.installation(id)?
            && installation.provider == provider
        {
            return Ok(Some(installation));
        }
        let searches = [
            (
                "SELECT DISTINCT workspace FROM aliases WHERE provider = ?1 AND alias = ?2 LIMIT ?3",
                &names.payment,
            ),
            (
                "SELECT DISTINCT workspace FROM payments
                 WHERE provider = ?1 AND reference = ?2 LIMIT ?3",
                &names.reference,
            ),
            (
                "SELECT DISTINCT workspace FROM installations
                 WHERE provider = ?1 AND account = ?2 AND state <> 'uninstalled' LIMIT ?3",
                &names.account,
            ),
        ];
        for (sql, value) in searches {
            if let Some(value) = value
                && let Some(workspace) = single_workspace(&self.connection, sql, provider, value)?
            {
                return self.current_installation(&workspace, provider);
            }
        }
        Ok(None)
    }
}

/// The workspace that a search finds. None: it finds none, or several.
fn single_workspace(
    connection: &Connection,
    sql: &str,
    provider: &str,
    value: &str,
) -> Result<Option<String>, LedgerError> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![provider, value, MATCH_LIMIT], |row| row.get(0))?;
    let mut found: Vec<String> = found.collect::<Result<_, _>>()?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}
