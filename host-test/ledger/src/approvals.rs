//! What the operator has approved for a component, by the component's SHA-256.

use rusqlite::params;

use super::{Ledger, LedgerError};

impl Ledger {
    /// Whether the operator has approved everything that a component asks for: each with its subject.
    pub fn is_approved(
        &self,
        component_sha256: &str,
        approvals: &[(String, String)],
    ) -> Result<bool, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM approvals WHERE component = ?1 AND origin = ?2 AND authorization = ?3",
        )?;
        for (subject, what) in approvals {
            if !statement.exists(params![component_sha256, subject, what])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the operator has approved for a component: each with its subject.
    pub fn approvals(&self, component_sha256: &str) -> Result<Vec<(String, String)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT origin, authorization FROM approvals WHERE component = ?1
             ORDER BY origin, authorization",
        )?;
        let rows = statement.query_map([component_sha256], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Approves everything that a component asks for: each with its subject.
    pub fn approve(
        &mut self,
        component_sha256: &str,
        approvals: &[(String, String)],
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        for (subject, what) in approvals {
            transaction.execute(
                "INSERT OR IGNORE INTO approvals (component, origin, authorization, approved_at)
                 VALUES (?1, ?2, ?3, ?4)",
                params![component_sha256, subject, what, now],
            )?;
        }
        Ok(transaction.commit()?)
    }
}
