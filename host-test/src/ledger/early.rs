//! Verified events that come before their payment is written down.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::installations::mode_word;
use super::payments::Scope;
use crate::contract::types::Event;

/// Keeps an event of a payment that this workspace has made and does not know yet.
pub(super) fn keep(
    connection: &Connection,
    scope: &Scope,
    event: &Event,
    reference: &str,
    now: u64,
) -> Result<(), LedgerError> {
    let content = serde_json::to_string(event).unwrap_or_default();
    connection.execute(
        "INSERT OR IGNORE INTO early_events
             (workspace, provider, mode, event, reference, occurred_at, received_at, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            scope.workspace,
            scope.provider,
            mode_word(scope.mode),
            event.id,
            reference,
            event.occurred_at,
            now,
            content
        ],
    )?;
    Ok(())
}

/// Takes the events of a reference out, oldest first, with when each was received.
pub(super) fn take(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Vec<(Event, u64)>, LedgerError> {
    let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), reference];
    let events = connection
        .prepare_cached(
            "SELECT content, received_at FROM early_events
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
             ORDER BY occurred_at, received_at",
        )?
        .query_map(whose, |row| {
            let content: String = row.get(0)?;
            Ok(serde_json::from_str(&content).ok().zip(row.get(1)?))
        })?
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    connection.execute(
        "DELETE FROM early_events
         WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4",
        whose,
    )?;
    Ok(events)
}
