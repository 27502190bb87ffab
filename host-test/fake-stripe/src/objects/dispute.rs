//! Disputes.

use serde_json::{Value, json};

use super::with_nulls;

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
    /// The card network.
    pub brand: &'static str,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Why, as the customer's bank says.
    pub reason: String,
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
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": no_evidence(),
            "evidence_details": {
                "due_by": self.created + TIME_TO_ANSWER,
                "enhanced_eligibility": {},
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
                "submission_method": "manual",
            },
            "intended_submission_method": "manual",
            "is_charge_refundable": false,
            "livemode": self.livemode,
            "metadata": {},
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {
                    "brand": self.brand,
                    "case_type": "chargeback",
                    "network": self.brand,
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": self.reason,
            "status": self.status,
        })
    }
}

/// The evidence of a merchant who has not answered.
fn no_evidence() -> Value {
    const FIELDS: [&str; 26] = [
        "access_activity_log",
        "billing_address",
        "cancellation_policy",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "customer_signature",
        "duplicate_charge_documentation",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_documentation",
        "shipping_tracking_number",
        "uncategorized_file",
    ];
    with_nulls(json!({ "enhanced_evidence": {}, "uncategorized_text": null }), &FIELDS)
}
