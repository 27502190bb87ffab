//! Disputes.

use serde_json::{Value, json};

/// How long a merchant has to answer, in seconds. Stripe allows seven to 21 days.
const TIME_TO_ANSWER: u64 = 7 * 86_400;

/// A dispute.
pub struct Dispute {
    /// `du_…`
    pub id: String,
    /// The id of its PaymentIntent.
    pub payment_intent: String,
    /// The id of its charge.
    pub charge: String,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// `needs_response`, `won` or `lost`.
    pub status: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
}

impl Dispute {
    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
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
            "status": self.status,
        })
    }
}
