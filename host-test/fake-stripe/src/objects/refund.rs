//! Refunds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::with_nulls;

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
    /// Why: `duplicate`, `fraudulent` or `requested_by_customer`.
    pub reason: Option<String>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
}

impl Refund {
    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        const NULLS: [&str; 7] = [
            "balance_transaction",
            "customer",
            "customer_account",
            "payment_method",
            "receipt_number",
            "source_transfer_reversal",
            "transfer_reversal",
        ];
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": self.status,
        });
        if self.status == "failed"
            && let Some(refund) = refund.as_object_mut()
        {
            refund.insert("failure_reason".to_owned(), "expired_or_canceled_card".into());
        }
        with_nulls(refund, &NULLS)
    }
}
