//! Whose a delivery at the shared URL may be: what it names, looked up.

use rusqlite::{Connection, params};

use super::installations::InstallationRow;
use super::{Ledger, LedgerError};
use crate::contract::types::WebhookIdentity;

/// More than this many workspaces for one name, and the name says nothing.
const CANDIDATES: usize = 2;

impl Ledger {
    /// The installation that a delivery may be for: the one that it names, else the one whose payment
    /// or account it names, if there is exactly one. Nothing in it has been verified.
    pub fn addressee(
        &self,
        provider: &str,
        named: &WebhookIdentity,
    ) -> Result<Option<InstallationRow>, LedgerError> {
        if let Some(id) = &named.installation
            && let Some(row) = self.installation(id)?
            && row.provider == provider
        {
            return Ok(Some(row));
        }
        let connection = &self.connection;
        let workspaces = [
            (
                "SELECT DISTINCT workspace FROM aliases WHERE provider = ?1 AND alias = ?2 LIMIT ?3",
                &named.payment,
            ),
            (
                "SELECT DISTINCT workspace FROM payments
                 WHERE provider = ?1 AND reference = ?2 LIMIT ?3",
                &named.reference,
            ),
            (
                "SELECT DISTINCT workspace FROM installations
                 WHERE provider = ?1 AND account = ?2 AND state <> 'uninstalled' LIMIT ?3",
                &named.account,
            ),
        ];
        for (sql, name) in workspaces {
            if let Some(name) = name
                && let Some(workspace) = only(connection, sql, provider, name)?
            {
                return self.installation_of(&workspace, provider);
            }
        }
        Ok(None)
    }

    /// So many more deliveries have named nothing of ours.
    pub fn note_unclaimed(
        &mut self,
        provider: &str,
        number: u64,
        now: u64,
    ) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO unclaimed_deliveries (provider, number, last_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET number = number + ?2, last_at = max(last_at, ?3)",
            params![provider, number, now],
        )?;
        Ok(())
    }

    /// How many deliveries have named nothing of ours, and when the last one came.
    pub fn unclaimed(&self, provider: &str) -> Result<Option<(u64, u64)>, LedgerError> {
        use rusqlite::OptionalExtension as _;
        let sql = "SELECT number, last_at FROM unclaimed_deliveries WHERE provider = ?1";
        let row = self.connection.query_row(sql, [provider], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }
}

/// The one workspace that a query finds.
fn only(
    connection: &Connection,
    sql: &str,
    provider: &str,
    name: &str,
) -> Result<Option<String>, LedgerError> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![provider, name, CANDIDATES], |row| row.get(0))?;
    let found: Vec<String> = found.collect::<Result<_, _>>()?;
    Ok(match found.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    })
}
