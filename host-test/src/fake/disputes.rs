//! Disputes: customers who object to a payment at their bank.

use serde_json::{Value, json};

use super::Shared;
use super::api::page;
use super::error::ApiError;
use super::events::happen;
use super::params::Params;
use super::state::{Side, id};
use crate::clock::now;

/// How long a merchant has to answer, in seconds. Stripe gives seven to 21 days.
const TIME_TO_ANSWER: u64 = 7 * 86_400;

/// A dispute.
pub struct Dispute {
    /// `du_…`
    id: String,
    payment_intent: String,
    charge: String,
    amount: u64,
    currency: String,
    created: u64,
    livemode: bool,
}

impl Dispute {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "evidence_details": {
                "due_by": self.created + TIME_TO_ANSWER,
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
            },
            "is_charge_refundable": false,
            "livemode": self.livemode,
            "metadata": {},
            "payment_intent": self.payment_intent,
            "reason": "fraudulent",
            "status": "needs_response",
        })
    }
}

/// The customer objects to a payment.
pub fn open(shared: &Shared, side: &mut Side, livemode: bool, intent_id: &str) -> Option<()> {
    let intent = side.intent_mut(intent_id)?;
    intent.is_disputed = true;
    let dispute = Dispute {
        id: id("du"),
        payment_intent: intent.id.clone(),
        charge: intent.latest_charge.clone()?,
        amount: intent.received(),
        currency: intent.currency.clone(),
        created: now(),
        livemode,
    };
    let opened = dispute.json();
    side.disputes.push(dispute);
    happen(shared, side, livemode, "charge.dispute.created", &opened);
    Some(())
}

/// Lists those of a payment.
pub fn list(side: &Side, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let is_wanted = |dispute: &&Dispute| of.as_ref().is_none_or(|of| *of == dispute.payment_intent);
    let disputes = side.disputes.iter().rev().filter(is_wanted).map(|d| (d.id.clone(), d.json()));
    page(disputes.collect(), "/v1/disputes", params)
}
