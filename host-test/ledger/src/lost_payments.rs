//! Payments that were created here and are not in the ledger: it was restored from a backup. An event that names
//! their attempt brings them back.

use rusqlite::{Connection, OptionalExtension as _};

use super::LedgerError;
use super::lookup::{find_by_attempt, find_holder};
use super::payments::insert_reserved;
use super::stored_payment::{Attempt, NewPayment, Scope, StoredPayment};
use crate::types::{Payment, PaymentStatus, PaymentTerms};

/// Stores the payment of an attempt that the ledger does not know. Its reservation was committed before the
/// provider was called, so it was lost. None: the payment names no attempt or has
/// come to nothing, or nothing was ever installed here.
pub(super) fn restore_payment(
    connection: &Connection,
    scope: &Scope,
    payment: &Payment,
    reference: &str,
) -> Result<Option<StoredPayment>, LedgerError> {
    // An attempt that came to nothing holds no reference.
    if payment.status == PaymentStatus::Canceled {
        return Ok(None);
    }
    let Some(attempt_id) = &payment.attempt_id else { return Ok(None) };
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
    // Another attempt that holds the reference came later: this one was over.
    let is_over = find_holder(connection, scope, reference)?.is_some();
    let status = if is_over { PaymentStatus::Canceled } else { PaymentStatus::Pending };
    insert_reserved(connection, scope, &new, &attempt, status)?;
    find_by_attempt(connection, scope, attempt_id)
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
