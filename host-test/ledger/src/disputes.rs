//! Disputes: each is told to the flow when it is opened and when it is closed, and needs a person in between.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::LedgerError;
use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle};
use super::notices::{Notice, NoticeDetails, append_notice};
use super::stored_payment::Scope;
use crate::types::Dispute;

/// Records where a dispute of a payment is, as of a time. Older news than what is known is left out.
pub(super) fn record_dispute(
    connection: &Connection,
    scope: &Scope,
    payment: i64,
    dispute: &Dispute,
    as_of: u64,
    now: u64,
) -> Result<(), LedgerError> {
    let key = params![scope.workspace, scope.provider, scope.mode.as_str(), dispute.id];
    let known: Option<(String, u64)> = connection
        .prepare_cached(
            "SELECT status, as_of FROM disputes
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND dispute = ?4",
        )?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if known.as_ref().is_some_and(|(_, known)| *known > as_of) {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO disputes (workspace, provider, mode, dispute, payment, status, as_of)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET status = ?6, as_of = ?7",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            dispute.id,
            payment,
            dispute.status,
            as_of
        ])?;
    let known = known.map(|(status, _)| status);
    let details = NoticeDetails {
        amount: Some(dispute.amount.clone()),
        refunded: None,
        id: Some(dispute.id.clone()),
        status: Some(dispute.status.clone()),
        due_by: dispute.due_by,
    };
    if known.is_none() {
        append_notice(connection, scope, payment, Notice::Disputed, &details, now)?;
    }
    if dispute.is_closed() {
        if known.as_ref() != Some(&dispute.status) {
            append_notice(connection, scope, payment, Notice::DisputeClosed, &details, now)?;
        }
        let code = AttentionCode::Dispute;
        return settle(connection, scope, code, &dispute.id, Some(payment), now);
    }
    let NoticeDetails { amount, status, due_by, .. } = details;
    let attention = NewAttention {
        code: AttentionCode::Dispute,
        subject: &dispute.id,
        payment: Some(payment),
        details: AttentionDetails { amount, status, due_by, reason: None },
    };
    raise(connection, scope, &attention, now)
}
