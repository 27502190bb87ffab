//! The one place where a stored payment takes over what the provider says.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::payment_state::{Decision, PaymentState, decide, is_final};
use super::payments::{Scope, StoredPayment};
use super::transitions::append_transition;
use crate::types::{Authority, Awaited, Payment};

impl PaymentState {
    /// The state of a stored payment.
    pub(super) fn of(stored: &StoredPayment) -> Self {
        Self { status: stored.status, as_of: stored.as_of, authority: stored.authority }
    }
}

/// What to do with the provider's payment, by the rule in `payment_state`.
pub(super) fn decide_for(
    stored: &StoredPayment,
    payment: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    decide(&stored.amount, PaymentState::of(stored), payment, authority, occurred_at)
}

/// Updates a stored payment by a decision, takes over refunds and aliases whatever the decision is,
/// and appends the flow's transition.
pub(super) fn update_payment(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    payment: &Payment,
    decision: Decision,
    PaymentState { as_of, authority, .. }: PaymentState,
    now: u64,
) -> Result<(), LedgerError> {
    let is_applied = decision == Decision::Apply;
    let status = if is_applied { payment.status } else { stored.status };
    let needs_refetch = decision == Decision::AmountMismatch;
    // The page of a payment that is final or authorised must not be offered again.
    let page_is_closed = is_final(status) || matches!(payment.awaits, Awaited::Completion(_));
    if is_applied || decision == Decision::AmountMismatch {
        let failure = payment.failure.as_ref().and_then(|why| serde_json::to_string(why).ok());
        connection.execute(
            "UPDATE payments
             SET remote_id = ?2, status = ?3, provider_status = ?4, received = ?5, failure = ?6,
                 checkout_url = iif(?11, NULL, coalesce(?7, checkout_url)), as_of = ?8,
                 authority = ?9, needs_refetch = ?10, version = version + 1
             WHERE id = ?1",
            params![
                stored.row_id,
                payment.id,
                status.as_str(),
                payment.provider_status,
                payment.received,
                failure,
                payment.checkout_url(),
                as_of,
                authority.as_str(),
                needs_refetch,
                page_is_closed
            ],
        )?;
    } else if authority == Authority::Fetched {
        connection
            .execute("UPDATE payments SET needs_refetch = 0 WHERE id = ?1", [stored.row_id])?;
    }
    // None never overwrites a known amount. An event may be old, so its amount can only grow.
    let refunded = match authority {
        Authority::Fetched => payment.refunded.or(stored.refunded),
        Authority::Signed => payment.refunded.max(stored.refunded),
    };
    connection.execute(
        "UPDATE payments SET refunded = ?2, version = version + (refunded IS NOT ?2) WHERE id = ?1",
        params![stored.row_id, refunded],
    )?;
    for alias in &payment.aliases {
        connection.execute(
            "INSERT OR IGNORE INTO aliases (workspace, provider, mode, alias, payment)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![scope.workspace, scope.provider, scope.mode.as_str(), alias, stored.row_id],
        )?;
    }
    append_transition(connection, scope, stored.row_id, status, now)
}
