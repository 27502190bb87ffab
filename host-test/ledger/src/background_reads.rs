//! How many reads the background has sent for an account, so that it stays within what the provider allots.

use rusqlite::params;

use super::{Ledger, LedgerError};
use crate::types::Mode;

/// The two halves of a reconciliation, which have budgets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Listing events.
    Listing,
    /// Asking about payments.
    Asking,
}

impl Work {
    fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Asking => "asking",
        }
    }
}

/// An account whose reads are counted.
#[derive(Clone, Debug)]
pub struct CountedAccount {
    /// The provider's id.
    pub provider: String,
    /// The provider's id of the account, or an installation's id.
    pub account: String,
    /// Test or live.
    pub mode: Mode,
}

impl Ledger {
    /// How many reads the background has sent for an account since a day, counted since 1970.
    pub fn background_reads(
        &self,
        of: &CountedAccount,
        work: Work,
        since_day: u64,
    ) -> Result<u64, LedgerError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(number), 0) FROM background_reads
                 WHERE provider = ?1 AND account = ?2 AND mode = ?3 AND work = ?4 AND day >= ?5",
            )?
            .query_row(
                params![of.provider, of.account, of.mode.as_str(), work.as_str(), since_day],
                |row| row.get(0),
            )?)
    }

    /// Adds to the reads that the background has sent for an account on a day. Days before `keep_since` are
    /// forgotten.
    pub fn add_background_reads(
        &mut self,
        of: &CountedAccount,
        work: Work,
        day: u64,
        number: u64,
        keep_since: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "INSERT INTO background_reads (provider, account, mode, work, day, number)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET number = number + ?6",
            )?
            .execute(params![
                of.provider,
                of.account,
                of.mode.as_str(),
                work.as_str(),
                day,
                number
            ])?;
        transaction
            .prepare_cached("DELETE FROM background_reads WHERE day < ?1")?
            .execute([keep_since])?;
        transaction.commit()
    }
}
