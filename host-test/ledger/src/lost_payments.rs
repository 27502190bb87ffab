//! Payments that were created here and are not in the ledger: it was restored from a backup. An event that names
//! their attempt brings them back.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::LedgerError;
use super::lookup::{find_by_attempt, find_holder};
use super::payment_state::Output;
use super::payments::insert_reserved;
use super::stored_payment::{Attempt, NewPayment, Scope, StoredPayment};
use super::transitions::append_transition;
use crate::types::{Payment, PaymentStatus, PaymentTerms};

/// Stores the payment of an attempt that the ledger does not know. Its reservation was committed before the
/// provider was called, so it was lost. None: the payment names no attempt or has
/// come to nothing, or nothing was ever installed here.
pub(super) fn restore_payment(
    connection: &Connection,
    scope: &Scope,
    payment: &Payment,
    reference: &str,
    now: u64,
) -> Result<Option<StoredPayment>, LedgerError> {
    // An attempt that came to nothing holds no reference.
    if payment.status == PaymentStatus::Canceled {
        return Ok(None);
    }
    let Some(attempt_id) = &payment.attempt_id else { return Ok(None) };
    // A plugin may answer for another workspace.
    let is_known = connection
        .prepare_cached("SELECT 1 FROM payments WHERE attempt = ?1")?
        .exists([attempt_id])?;
    if is_known {
        return Ok(None);
    }
    let Some(installation) = latest_installation(connection, scope)? else { return Ok(None) };
    let new = NewPayment {
        installation,
        reference: reference.to_owned(),
        // What was asked for is only known from the provider.
        amount: payment.amount.clone(),
        terms: PaymentTerms {
            description: None,
            success_url: String::new(),
            cancel_url: None,
            expires_at: None,
            has_manual_capture: false,
        },
    };
    let attempt = Attempt::lost(attempt_id.clone(), payment.created_at);
    let status = match find_holder(connection, scope, reference)? {
        None => PaymentStatus::Pending,
        // It came before, and was over when this one was made, which the backup does not know. Or it was made since,
        // because nobody knew of this one: the customer has paid this one.
        Some(holder) if is_earlier(&holder, payment) || is_unpaid(&holder, payment) => {
            end(connection, scope, &holder, now)?;
            PaymentStatus::Pending
        }
        // It came later: this one was over.
        Some(_) => PaymentStatus::Canceled,
    };
    insert_reserved(connection, scope, &new, &attempt, status)?;
    let restored = find_by_attempt(connection, scope, attempt_id)?;
    if let Some(restored) = &restored {
        // Events of it may have been passed over.
        connection
            .prepare_cached("UPDATE payments SET needs_refetch = 1, check_at = ?2 WHERE id = ?1")?
            .execute(params![restored.row_id, now])?;
    }
    find_by_attempt(connection, scope, attempt_id)
}

fn is_earlier(holder: &StoredPayment, payment: &Payment) -> bool {
    holder.status != PaymentStatus::Approved && holder.attempt.reserved_at < payment.created_at
}

/// Whether the payment is paid, and the holder is not.
fn is_unpaid(holder: &StoredPayment, payment: &Payment) -> bool {
    payment.status == PaymentStatus::Approved
        && holder.status != PaymentStatus::Approved
        && holder.received == 0
}

/// Ends an attempt that another one has followed. Should its page still be open, it is closed.
fn end(
    connection: &Connection,
    scope: &Scope,
    holder: &StoredPayment,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "UPDATE payments
             SET status = 'canceled', needs_refetch = 1, needs_closing = 1, check_at = ?2,
                 version = version + 1
             WHERE id = ?1",
        )?
        .execute(params![holder.row_id, now])?;
    append_transition(connection, scope, holder.row_id, (Output::Rejected, true), now)
}

fn latest_installation(
    connection: &Connection,
    scope: &Scope,
) -> Result<Option<String>, LedgerError> {
    let found = connection
        .prepare_cached(
            "SELECT id FROM installations
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3
             ORDER BY created_at DESC LIMIT 1",
        )?
        .query_row(
            [scope.workspace.as_str(), scope.provider.as_str(), scope.mode.as_str()],
            |row| row.get(0),
        );
    Ok(found.optional()?)
}
