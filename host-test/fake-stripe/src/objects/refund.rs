//! Refunds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A refund.
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// The id of its PaymentIntent.
    pub payment_intent: String,
    /// The id of its charge.
    pub charge: String,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// `succeeded`, `pending`, `failed` or `canceled`.
    pub status: &'static str,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
}

impl Refund {
    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": null,
            "status": self.status,
        })
    }
}
