//! What the status report says about deliveries: the last verified one, the last refused one, and
//! how many were for nobody.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle};
use super::stored_payment::Scope;
use super::{Ledger, LedgerError};
use crate::types::{Mode, Problem};

/// How many refused deliveries in a row need a person: one may be somebody else's.
const REFUSED_FOR_ATTENTION: u32 = 3;

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
        let summary = self
            .connection
            .prepare_cached(
                "SELECT verified_at, refused_at, refused_because FROM last_deliveries
             WHERE installation = ?1",
            )?
            .query_row([installation], |row| {
                let reason: Option<String> = row.get(2)?;
                let reason = reason.and_then(|json| serde_json::from_str(&json).ok());
                let at: Option<u64> = row.get(1)?;
                Ok(DeliverySummary { verified_at: row.get(0)?, refused: at.zip(reason) })
            });
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

    /// Records that a number of deliveries were refused, and why the last one was. Anyone can send them: the caller
    /// writes seldom.
    pub fn record_refused_deliveries(
        &mut self,
        installation: &str,
        number: u32,
        reason: &Problem,
        now: u64,
    ) -> Result<(), LedgerError> {
        let json = serde_json::to_string(reason).unwrap_or_default();
        let transaction = self.write()?;
        transaction.prepare_cached(
            "INSERT INTO last_deliveries
                 (installation, refused_at, refused_because, refused_in_a_row)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE
             SET refused_at = ?2, refused_because = ?3, refused_in_a_row = min(refused_in_a_row + ?4, ?5)")?.execute(
            params![installation, now, json, number, u32::MAX],
        )?;
        if refused_in_a_row(&transaction, installation)? >= REFUSED_FOR_ATTENTION
            && let Some(scope) = scope_of(&transaction, installation)?
        {
            let (code, reason) = (AttentionCode::DeliveriesRefused, Some(reason.clone()));
            let details = AttentionDetails { reason, ..AttentionDetails::default() };
            let new = NewAttention { code, subject: installation, payment: None, details };
            raise(&transaction, &scope, &new, now)?;
        }
        transaction.commit()
    }

    /// Adds to the number of deliveries that were for no known installation.
    pub fn add_unclaimed_deliveries(
        &mut self,
        provider: &str,
        number: u64,
        now: u64,
    ) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached(
                "INSERT INTO unclaimed_deliveries (provider, number, last_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET number = number + ?2, last_at = max(last_at, ?3)",
            )?
            .execute(params![provider, number, now])?;
        Ok(())
    }

    /// How many deliveries were for no known installation, and when the last one came, in Unix
    /// seconds. None: there was none.
    pub fn unclaimed_deliveries(&self, provider: &str) -> Result<Option<(u64, u64)>, LedgerError> {
        let sql = "SELECT number, last_at FROM unclaimed_deliveries WHERE provider = ?1";
        let row = self
            .connection
            .prepare_cached(sql)?
            .query_row([provider], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }
}

/// Records that a verified delivery came, as part of the transaction that records its event.
pub(super) fn record_verified_delivery(
    connection: &Connection,
    installation: &str,
    now: u64,
) -> Result<(), LedgerError> {
    if refused_in_a_row(connection, installation)? > 0
        && let Some(scope) = scope_of(connection, installation)?
    {
        let code = AttentionCode::DeliveriesRefused;
        settle(connection, &scope, code, installation, None, now)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO last_deliveries (installation, verified_at) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET verified_at = ?2, refused_in_a_row = 0
             WHERE verified_at IS NULL OR verified_at < ?2 OR refused_in_a_row > 0",
        )?
        .execute(params![installation, now])?;
    Ok(())
}

/// How many deliveries were refused since the last verified one.
fn refused_in_a_row(connection: &Connection, installation: &str) -> Result<u32, LedgerError> {
    let number = connection
        .prepare_cached("SELECT refused_in_a_row FROM last_deliveries WHERE installation = ?1")?
        .query_row([installation], |row| row.get(0));
    Ok(number.optional()?.unwrap_or(0))
}

/// The scope of an installation. None: its mode is not known.
pub(super) fn scope_of(
    connection: &Connection,
    installation: &str,
) -> Result<Option<Scope>, LedgerError> {
    let row: Option<(String, String, Option<String>)> = connection
        .prepare_cached("SELECT workspace, provider, mode FROM installations WHERE id = ?1")?
        .query_row([installation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(row.and_then(|(workspace, provider, mode)| {
        let mode = Mode::parse(&mode?)?;
        Some(Scope { workspace, provider, mode })
    }))
}
