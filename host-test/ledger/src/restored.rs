//! A ledger that was restored from a backup: it does not know what was paid since then. No payment is created
//! until the events since the backup are listed, so that a paid reference is not sold again.

use rusqlite::{Connection, params};

use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise};
use super::stored_payment::Scope;
use super::{Ledger, LedgerError};
use crate::types::Mode;

/// How many positions are left out after a restore: more than a flow can have been told since the backup.
const POSITIONS_LEFT_OUT: u64 = 1_000_000;

/// How long providers keep their events, in seconds: about 30 days.
const EVENT_RETENTION: u64 = 30 * 86_400;
/// The subject of the entry for a backup from before the events that the provider still has.
const TOO_OLD: &str = "too-old";

impl Ledger {
    /// Records that the ledger was restored from a backup. Every account is listed again from its mark on, and
    /// creates no payment until that is complete. Later transitions get positions that were never used. Returns
    /// the scopes that are closed.
    pub fn record_restored(&mut self, now: u64) -> Result<Vec<Scope>, LedgerError> {
        let transaction = self.write()?;
        let scopes: Vec<Scope> = {
            let mut statement = transaction.prepare_cached(
                "SELECT DISTINCT workspace, provider, mode FROM installations
                 WHERE sealed_installation IS NOT NULL AND mode IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| {
                let mode: String = row.get(2)?;
                Ok(Mode::parse(&mode).map(|mode| (mode, row.get(0), row.get(1))))
            })?;
            let mut scopes = Vec::new();
            for row in rows {
                if let Some((mode, workspace, provider)) = row? {
                    scopes.push(Scope { workspace: workspace?, provider: provider?, mode });
                }
            }
            scopes
        };
        for scope in &scopes {
            let (code, details) = (AttentionCode::LedgerRestored, AttentionDetails::default());
            let subject = if is_too_old(&transaction, scope, now)? { TOO_OLD } else { "" };
            let new = NewAttention { code, subject, payment: None, details };
            // A row of an earlier restore may be closed.
            transaction
                .prepare_cached(
                    "DELETE FROM attention
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4",
                )?
                .execute(params![
                    scope.workspace,
                    scope.provider,
                    scope.mode.as_str(),
                    code.as_str()
                ])?;
            raise(&transaction, scope, &new, now)?;
        }
        transaction
            .prepare_cached(
                "UPDATE reconciliations
             SET since = NULL, cursor = NULL, as_of = NULL, list_at = 0, ask_at = 0",
            )?
            .execute([])?;
        transaction
            .prepare_cached("UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = 'transitions'")?
            .execute([POSITIONS_LEFT_OUT])?;
        transaction.commit()?;
        Ok(scopes)
    }

    /// Records that the events since the backup are listed. Payments can be created again, unless the backup was
    /// too old: then a person decides.
    pub fn record_listed_after_restore(
        &mut self,
        scope: &Scope,
        now: u64,
    ) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached(
                "UPDATE attention SET closed_at = ?5, closed_by = 'settled'
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4
                     AND subject = '' AND closed_at IS NULL",
            )?
            .execute(params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                AttentionCode::LedgerRestored.as_str(),
                now
            ])?;
        Ok(())
    }
}

/// Whether events since the backup may be gone: the provider does not keep them for as long.
fn is_too_old(connection: &Connection, scope: &Scope, now: u64) -> Result<bool, LedgerError> {
    let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str()];
    let listed_at: Option<u64> = connection
        .prepare_cached(
            "SELECT max(listed_at) FROM reconciliations
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
        )?
        .query_row(of_scope, |row| row.get(0))?;
    let installed_at: Option<u64> = connection
        .prepare_cached(
            "SELECT min(created_at) FROM installations
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
        )?
        .query_row(of_scope, |row| row.get(0))?;
    let known_at = listed_at.or(installed_at);
    Ok(known_at.is_some_and(|at| now.saturating_sub(at) > EVENT_RETENTION))
}

/// Whether no payment may be created, because a backup was restored.
pub(super) fn is_closed_for_restore(
    connection: &Connection,
    scope: &Scope,
) -> Result<bool, LedgerError> {
    let code = AttentionCode::LedgerRestored.as_str();
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM attention
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4
                 AND closed_at IS NULL",
        )?
        .exists(params![scope.workspace, scope.provider, scope.mode.as_str(), code])?)
}
