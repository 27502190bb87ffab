//! What the deliveries for an installation came to last: the status report's own memory.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Ledger, LedgerError};
use crate::contract::types::Problem;

/// What is known of an installation's deliveries.
#[derive(Debug, Default, PartialEq)]
pub struct LastDeliveries {
    /// When the last genuine one came, in Unix seconds.
    pub verified_at: Option<u64>,
    /// When the last one was refused, in Unix seconds, and why.
    pub refused: Option<(u64, Problem)>,
}

impl Ledger {
    /// What is known of an installation's deliveries.
    pub fn last_deliveries(&self, installation: &str) -> Result<LastDeliveries, LedgerError> {
        let row = self.connection.query_row(
            "SELECT verified_at, refused_at, refused_because FROM last_deliveries
             WHERE installation = ?1",
            [installation],
            |row| {
                let because: Option<String> = row.get(2)?;
                let because = because.and_then(|json| serde_json::from_str(&json).ok());
                let at: Option<u64> = row.get(1)?;
                Ok(LastDeliveries { verified_at: row.get(0)?, refused: at.zip(because) })
            },
        );
        Ok(row.optional()?.unwrap_or_default())
    }

    /// A genuine delivery has come, and nothing else has to be written down of it.
    pub fn note_verified(&mut self, installation: &str, now: u64) -> Result<(), LedgerError> {
        note_verified(&self.connection, installation, now)
    }

    /// A delivery was refused.
    pub fn note_refused(
        &mut self,
        installation: &str,
        because: &Problem,
        now: u64,
    ) -> Result<(), LedgerError> {
        let because = serde_json::to_string(because).unwrap_or_default();
        // Anyone may send what is refused: more than one a second is not worth a write.
        self.connection.execute(
            "INSERT INTO last_deliveries (installation, refused_at, refused_because)
             VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET refused_at = ?2, refused_because = ?3
             WHERE refused_at IS NULL OR refused_at < ?2",
            params![installation, now, because],
        )?;
        Ok(())
    }
}

/// A genuine delivery has come: a part of the transaction that takes it.
pub(super) fn note_verified(
    connection: &Connection,
    installation: &str,
    now: u64,
) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO last_deliveries (installation, verified_at) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET verified_at = ?2
         WHERE verified_at IS NULL OR verified_at < ?2",
        params![installation, now],
    )?;
    Ok(())
}
