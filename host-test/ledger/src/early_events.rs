//! Verified events that arrive before their payment is stored. They are applied when it is.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::stored_payment::Scope;
use crate::types::{Event, EventSubject};

/// How large an event may be that waits for its payment, in bytes. Of a larger one only its existence is stored: its
/// payment is then read from the provider. Our own choice: real ones have 1 KB.
pub(super) const LARGEST: usize = 32 << 10;

/// Stores an event whose reference belongs to this workspace and has no payment yet. Of all of them only the newest
/// `most` stay: a payment whose event was deleted is asked about. Returns how many were deleted.
pub(super) fn store_early_event(
    connection: &Connection,
    scope: &Scope,
    event: &Event,
    reference: &str,
    now: u64,
    most: u32,
) -> Result<usize, LedgerError> {
    let content = serde_json::to_string(event).unwrap_or_default();
    let content = if content.len() > LARGEST { String::new() } else { content };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO early_events
             (workspace, provider, mode, event, reference, occurred_at, received_at, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            event.id,
            reference,
            event.occurred_at,
            now,
            content
        ])?;
    let deleted = connection
        .prepare_cached(
            "DELETE FROM early_events WHERE rowid IN (
                 SELECT rowid FROM early_events
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3
                 ORDER BY received_at DESC LIMIT -1 OFFSET ?4)",
        )?
        .execute(params![scope.workspace, scope.provider, scope.mode.as_str(), most])?;
    Ok(deleted)
}

/// The early events of one attempt.
pub(super) struct EarlyEvents {
    /// The events, oldest first, each with the time at which it was received, in Unix seconds.
    pub events: Vec<(Event, u64)>,
    /// Whether there was an event that an earlier version wrote and this version cannot read.
    pub has_unreadable: bool,
}

/// Removes the early events of an attempt and returns them: those of its reference that name the
/// attempt, or no attempt.
pub(super) fn take_early_events(
    connection: &Connection,
    scope: &Scope,
    reference: &str,
    attempt_id: &str,
) -> Result<EarlyEvents, LedgerError> {
    let of_reference = params![scope.workspace, scope.provider, scope.mode.as_str(), reference];
    let stored: Vec<(String, String, u64)> = connection
        .prepare_cached(
            "SELECT event, content, received_at FROM early_events
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
             ORDER BY occurred_at, received_at",
        )?
        .query_map(of_reference, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut early = EarlyEvents { events: Vec::new(), has_unreadable: false };
    for (id, content, received_at) in stored {
        match serde_json::from_str::<Event>(&content) {
            Ok(event) if names_another_attempt(&event, attempt_id) => continue,
            Ok(event) => early.events.push((event, received_at)),
            Err(_) => early.has_unreadable = true,
        }
        connection
            .prepare_cached(
                "DELETE FROM early_events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            )?
            .execute(params![scope.workspace, scope.provider, id])?;
    }
    Ok(early)
}

fn names_another_attempt(event: &Event, attempt_id: &str) -> bool {
    match &event.subject {
        EventSubject::Payment(payment) => {
            payment.attempt_id.as_deref().is_some_and(|named| named != attempt_id)
        }
        _ => false,
    }
}
