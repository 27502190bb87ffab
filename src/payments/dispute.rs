//! Disputes: a customer's objection to a payment, at their bank.

use super::currency::{Rounding, from_stripe};
use super::map::AmountTooLarge;
use crate::bindings::brain_studio::payments::types::{Dispute, DisputeStatus, Money};
use crate::stripe::{Client, DisputeObject, Error, List, Params};

/// Reads the disputes of a payment. Disputes that cannot be read are left out, because the payment is
/// useful without them.
pub fn disputes_of(stripe: &Client, payment: &str) -> Vec<Dispute> {
    let query = Params::new().with("payment_intent", payment).with("limit", "100");
    let disputes: Result<List<DisputeObject>, Error> = stripe.read("/v1/disputes", &query);
    let disputes = disputes.map_or_else(|_| Vec::new(), |page| page.data);
    disputes.into_iter().filter_map(|dispute| from_dispute(dispute).ok()).collect()
}

/// Converts a dispute.
pub fn from_dispute(dispute: DisputeObject) -> Result<Dispute, AmountTooLarge> {
    let minor_units =
        from_stripe(dispute.amount, &dispute.currency, Rounding::Down).ok_or(AmountTooLarge)?;
    let status = match dispute.status.as_str() {
        "needs_response" | "warning_needs_response" => DisputeStatus::NeedsResponse,
        "under_review" | "warning_under_review" => DisputeStatus::UnderReview,
        "won" => DisputeStatus::Won,
        "lost" => DisputeStatus::Lost,
        _ => DisputeStatus::Other(dispute.status),
    };
    Ok(Dispute {
        id: dispute.id,
        payment: dispute.payment_intent,
        due_by: dispute.due_by.filter(|_| matches!(status, DisputeStatus::NeedsResponse)),
        status,
        amount: Money { minor_units, currency: dispute.currency },
        is_refundable: dispute.is_charge_refundable,
    })
}
