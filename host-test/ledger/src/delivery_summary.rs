//! What the status report says about deliveries: the last verified one, the last refused one, and
//! how many were for nobody.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Ledger, LedgerError};
use crate::types::Problem;

/// The last deliveries of an installation.
#[derive(Debug, Default, PartialEq)]
pub struct DeliverySummary {
    /// When the last verified delivery came, in Unix seconds.
    pub verified_at: Option<u64>,
    /// When the last refused delivery came, in Unix seconds, and why it was refused.
    pub refused: Option<(u64, Problem)>,
}

impl Ledger {
    /// The last deliveries of an installation.
    pub fn delivery_summary(&self, installation: &str) -> Result<DeliverySummary, LedgerError> {
        let summary = self.connection.query_row(
            "SELECT verified_at, refused_at, refused_because FROM last_deliveries
             WHERE installation = ?1",
            [installation],
            |row| {
                let reason: Option<String> = row.get(2)?;
                let reason = reason.and_then(|json| serde_json::from_str(&json).ok());
                let at: Option<u64> = row.get(1)?;
                Ok(DeliverySummary { verified_at: row.get(0)?, refused: at.zip(reason) })
            },
        );
        Ok(summary.optional()?.unwrap_or_default())
    }

    /// Records that a verified delivery came, where no event is recorded with it.
    pub fn record_verified_delivery(
        &mut self,
        installation: &str,
        now: u64,
    ) -> Result<(), LedgerError> {
        record_verified_delivery(&self.connection, installation, now)
    }

    /// Records that a delivery was refused.
    pub fn record_refused_delivery(
        &mut self,
        installation: &str,
        reason: &Problem,
        now: u64,
    ) -> Result<(), LedgerError> {
        let reason = serde_json::to_string(reason).unwrap_or_default();
        // Anyone can send a delivery that is refused: at most one write a second.
        self.connection.execute(
            "INSERT INTO last_deliveries (installation, refused_at, refused_because)
             VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET refused_at = ?2, refused_because = ?3
             WHERE refused_at IS NULL OR refused_at < ?2",
            params![installation, now, reason],
        )?;
        Ok(())
    }

    /// Adds to the number of deliveries that were for no known installation.
    pub fn add_unclaimed_deliveries(
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

    /// How many deliveries were for no known installation, and when the last one came, in Unix
    /// seconds. None: there was none.
    pub fn unclaimed_deliveries(&self, provider: &str) -> Result<Option<(u64, u64)>, LedgerError> {
        let sql = "SELECT number, last_at FROM unclaimed_deliveries WHERE provider = ?1";
        let row = self.connection.query_row(sql, [provider], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }
}

/// Records that a verified delivery came, as part of the transaction that records its event.
pub(super) fn record_verified_delivery(
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
