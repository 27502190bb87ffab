//! The one place where a stored payment takes over what the provider says.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::attention::{raise_attention, settle_attention};
use super::payment_state::{Known, News, PaymentState, Plan, Step, plan};
use super::stored_payment::{Scope, StoredPayment};
use super::transitions::{append_transition, last_told};
use crate::types::Payment;

impl StoredPayment {
    fn state(&self) -> PaymentState {
        PaymentState {
            status: self.status,
            as_of: self.as_of,
            authority: self.authority,
            needs_refetch: self.needs_refetch,
            received: self.received,
            refunded: self.refunded,
        }
    }
}

/// The result of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// Nothing was written: the provider has to be asked.
    Ask,
    /// The news is taken over.
    Done {
        /// Whether there are payments that have to be closed at the provider.
        has_closing: bool,
    },
}

/// Plans what the news changes in a stored payment, and carries it out, within the caller's transaction.
pub(super) fn update_payment(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    news: News<'_>,
    now: u64,
) -> Result<Update, LedgerError> {
    let known = Known {
        expected: &stored.amount,
        state: stored.state(),
        version: stored.version,
        has_remote_id: stored.remote_id.is_some(),
        told: last_told(connection, stored.row_id)?,
    };
    let Step::Take(plan) = plan(known, news) else {
        return Ok(Update::Ask);
    };
    let payment = match news {
        News::Created(payment) | News::Event { payment, .. } | News::Fetched { payment, .. } => {
            Some(payment)
        }
        News::Notice | News::NoAnswer => None,
    };
    carry_out(connection, scope, stored, payment, plan, now)?;
    Ok(Update::Done { has_closing: plan.closes_page || plan.closes_siblings })
}

fn carry_out(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    payment: Option<&Payment>,
    plan: Plan,
    now: u64,
) -> Result<(), LedgerError> {
    let state = plan.state;
    if state != stored.state() || plan.takes_details {
        connection
            .prepare_cached(
                "UPDATE payments
                 SET status = ?2, as_of = ?3, authority = ?4, needs_refetch = ?5, received = ?6,
                     refunded = ?7, version = version + 1
                 WHERE id = ?1",
            )?
            .execute(params![
                stored.row_id,
                state.status.as_str(),
                state.as_of,
                state.authority.as_str(),
                state.needs_refetch,
                state.received,
                state.refunded
            ])?;
    }
    if let Some(payment) = payment {
        if plan.takes_details {
            take_details(connection, stored.row_id, payment, plan.page_is_over)?;
        }
        for alias in &payment.aliases {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO aliases (workspace, provider, mode, alias, payment)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    scope.workspace,
                    scope.provider,
                    scope.mode.as_str(),
                    alias,
                    stored.row_id
                ])?;
        }
    }
    if plan.closes_page {
        connection
            .execute("UPDATE payments SET needs_closing = 1 WHERE id = ?1", [stored.row_id])?;
    }
    if plan.closes_siblings {
        connection.execute(
            "UPDATE payments SET needs_closing = 1, version = version + 1
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4 AND id <> ?5
                 AND status NOT IN ('approved', 'canceled')",
            params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                stored.reference,
                stored.row_id
            ],
        )?;
    }
    if let Some(attention) = plan.attention {
        raise_attention(connection, scope, stored.row_id, attention, now)?;
    }
    if let Some(attention) = plan.settles {
        settle_attention(connection, stored.row_id, attention)?;
    }
    match plan.tells {
        Some(told) => append_transition(connection, scope, stored.row_id, told, now),
        None => Ok(()),
    }
}

/// Takes over the provider's id and status, the failure, and the page.
fn take_details(
    connection: &Connection,
    row_id: i64,
    payment: &Payment,
    page_is_over: bool,
) -> Result<(), LedgerError> {
    let failure = payment.failure.as_ref().and_then(|why| serde_json::to_string(why).ok());
    connection
        .prepare_cached(
            "UPDATE payments
             SET remote_id = ?2, provider_status = ?3, failure = ?4,
                 checkout_url = iif(?6, NULL, coalesce(?5, checkout_url))
             WHERE id = ?1",
        )?
        .execute(params![
            row_id,
            payment.id,
            payment.provider_status,
            failure,
            payment.checkout_url(),
            page_is_over
        ])?;
    Ok(())
}
