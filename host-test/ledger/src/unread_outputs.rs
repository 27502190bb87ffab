//! The outputs of a mode that was uninstalled, which no flow has read.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle};
use super::stored_payment::Scope;

/// Whether no consumer has acknowledged the last final output of a scope.
fn has_unread_outputs(connection: &Connection, scope: &Scope) -> Result<bool, LedgerError> {
    let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str()];
    let last: Option<u64> = connection
        .prepare_cached(
            "SELECT max(position) FROM transitions
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND final = 1",
        )?
        .query_row(of_scope, |row| row.get(0))?;
    let read: Option<u64> = connection
        .prepare_cached(
            "SELECT max(position) FROM cursors
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
        )?
        .query_row(of_scope, |row| row.get(0))?;
    Ok(last > read)
}

/// Of a mode that was uninstalled: a person has to know that no flow has read its last outputs.
pub(super) fn raise_unread_outputs(
    connection: &Connection,
    scope: &Scope,
    now: u64,
) -> Result<(), LedgerError> {
    if !has_unread_outputs(connection, scope)? {
        return Ok(());
    }
    let (code, details) = (AttentionCode::OutputsUnread, AttentionDetails::default());
    raise(connection, scope, &NewAttention { code, subject: "", payment: None, details }, now)
}

/// Records that a flow has read them, if it has.
pub(super) fn settle_unread_outputs(
    connection: &Connection,
    scope: &Scope,
    now: u64,
) -> Result<(), LedgerError> {
    if has_unread_outputs(connection, scope)? {
        return Ok(());
    }
    settle(connection, scope, AttentionCode::OutputsUnread, "", None, now)
}
