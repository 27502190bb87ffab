//! Payments, refunds and disputes.

use serde_json::{Value, json};

use super::problem;
use crate::contract::types::{Awaited, Dispute, Mode, Payment, Refund};
use crate::marketplace::PaymentView;
use ledger::{Output, StoredPayment};

/// A payment, as it is stored and as the provider returned it.
#[must_use]
pub fn payment(view: &PaymentView) -> Value {
    json!({
        "mode": view.mode.as_str(),
        "known": stored_payment(&view.stored),
        "provider": view.provider.as_ref().map(provider_payment),
        "problem": view.problem.as_ref().map(problem),
        "checkout_url": view.stored.checkout_url,
    })
}

/// A stored payment.
pub(super) fn stored_payment(stored: &StoredPayment) -> Value {
    json!({
        "reference": stored.reference,
        "id": stored.remote_id,
        "status": stored.status.as_str(),
        "provider_status": stored.provider_status,
        "output": Output::of(stored.status).as_str(),
        "amount": stored.amount.minor_units,
        "currency": stored.amount.currency,
        "received": stored.received,
        "refunded": stored.refunded,
        "failure": stored.failure.clone().map(|failure| problem(&failure.into())),
        "as_of": stored.as_of,
        "authority": stored.authority.as_str(),
        "settled": !stored.needs_refetch,
    })
}

/// The provider's payment.
#[must_use]
pub fn provider_payment(payment: &Payment) -> Value {
    json!({
        "id": payment.id,
        "aliases": payment.aliases,
        "reference": payment.reference,
        "mode": payment.mode.as_str(),
        "status": payment.status.as_str(),
        "provider_status": payment.provider_status,
        "amount": payment.amount.minor_units,
        "currency": payment.amount.currency,
        "received": payment.received,
        "refunded": payment.refunded,
        "failure": payment.failure.as_ref().map(problem),
        "checkout_url": payment.checkout_url(),
        "awaits": awaited(&payment.awaits),
        "disputes": payment.disputes.iter().map(dispute).collect::<Vec<_>>(),
        "attempt": payment.attempt_id,
        "created_at": payment.created_at,
    })
}

/// What a payment waits for.
fn awaited(awaits: &Awaited) -> Value {
    match awaits {
        Awaited::Nothing => json!({ "who": "nobody" }),
        Awaited::Customer(link) => json!({
            "who": "customer",
            "until": link.as_ref().and_then(|link| link.expires_at),
        }),
        Awaited::Completion(until) => json!({ "who": "marketplace", "until": until }),
        Awaited::Provider(reason) => json!({ "who": "provider", "reason": reason }),
        Awaited::Other(reason) => json!({ "who": "other", "reason": reason }),
    }
}

/// A refund that was made, and its payment after that.
#[must_use]
pub fn refunded(mode: Option<Mode>, result: &Refund, stored: &StoredPayment) -> Value {
    json!({
        "mode": mode.map(Mode::as_str),
        "refund": refund(result),
        "known": stored_payment(stored),
    })
}

/// The provider's refund.
#[must_use]
pub fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "payment": refund.payment,
        "reference": refund.reference,
        "status": refund.status.as_str(),
        "amount": refund.amount.minor_units,
        "currency": refund.amount.currency,
        "failure": refund.failure.as_ref().map(problem),
    })
}

/// A dispute.
#[must_use]
pub fn dispute(dispute: &Dispute) -> Value {
    json!({
        "id": dispute.id,
        "payment": dispute.payment,
        "status": dispute.status.as_str(),
        "amount": dispute.amount.minor_units,
        "currency": dispute.amount.currency,
        "due_by": dispute.due_by,
        "refundable": dispute.is_refundable,
    })
}
