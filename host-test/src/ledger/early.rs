//! Verified events that come before their payment is written down.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::installations::mode_word;
use super::payments::Scope;
use crate::contract::types::{Event, EventSubject};

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

/// Events that were kept for a payment.
pub(super) struct Early {
    /// Oldest first, with when each was received.
    pub events: Vec<(Event, u64)>,
    /// Whether there was one that an earlier version has written and this one cannot read.
    pub has_unreadable: bool,
}

/// Takes the events of an attempt out: those of its reference that name it, or no attempt.
pub(super) fn take(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
    attempt: &str,
) -> Result<Early, LedgerError> {
    let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), reference];
    let kept: Vec<(String, String, u64)> = connection
        .prepare_cached(
            "SELECT event, content, received_at FROM early_events
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
             ORDER BY occurred_at, received_at",
        )?
        .query_map(whose, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut early = Early { events: Vec::new(), has_unreadable: false };
    for (id, content, received_at) in kept {
        match serde_json::from_str::<Event>(&content) {
            Ok(event) if is_of_another(&event, attempt) => continue,
            Ok(event) => early.events.push((event, received_at)),
            Err(_) => early.has_unreadable = true,
        }
        connection.execute(
            "DELETE FROM early_events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            params![scope.workspace, scope.provider, id],
        )?;
    }
    Ok(early)
}

fn is_of_another(event: &Event, attempt: &str) -> bool {
    match &event.subject {
        EventSubject::Payment(payment) => {
            payment.attempt_id.as_deref().is_some_and(|named| named != attempt)
        }
        _ => false,
    }
}
