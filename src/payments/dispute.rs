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
        // An inquiry of the bank that ended without a dispute: it took no money.
        "won" | "warning_closed" => DisputeStatus::Won,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_map() {
        let rows = [
            ("needs_response", "NeedsResponse", Some(9)),
            ("warning_needs_response", "NeedsResponse", Some(9)),
            ("under_review", "UnderReview", None),
            ("warning_under_review", "UnderReview", None),
            ("won", "Won", None),
            ("warning_closed", "Won", None),
            ("lost", "Lost", None),
            // The money was given back before there was a dispute.
            ("prevented", "Other(\"prevented\")", None),
        ];
        for (word, status, due_by) in rows {
            let dispute = from_dispute(DisputeObject {
                id: "du_1".to_owned(),
                payment_intent: "pi_1".to_owned(),
                amount: 1050,
                currency: "usd".to_owned(),
                status: word.to_owned(),
                due_by: Some(9),
                is_charge_refundable: true,
            });
            let dispute = dispute.unwrap();
            let found = format!("{:?}", dispute.status).replace("DisputeStatus::", "");
            assert_eq!((found.as_str(), dispute.due_by), (status, due_by), "{word}");
        }
    }
}
