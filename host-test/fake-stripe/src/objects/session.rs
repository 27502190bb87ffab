//! Checkout Sessions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A Checkout Session: the page on which a customer pays.
pub struct CheckoutSession {
    /// `cs_test_…` or `cs_live_…`
    pub id: String,
    /// The amount, in Stripe's units.
    pub amount: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// What the customer pays for.
    pub name: String,
    /// `open`, `complete` or `expired`.
    pub status: &'static str,
    /// Whether it is paid.
    pub is_paid: bool,
    /// The id of its PaymentIntent. None: the customer has not tried to pay yet.
    pub payment_intent: Option<String>,
    /// Where the customer goes after paying.
    pub success_url: String,
    /// Where the customer goes after giving up.
    pub cancel_url: Option<String>,
    /// The metadata of its PaymentIntent.
    pub intent_metadata: BTreeMap<String, String>,
    /// Whether the payment is only authorised, and captured later.
    pub has_manual_capture: bool,
    /// The caller's reference.
    pub client_reference_id: Option<String>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
    /// Until when the customer can pay, in Unix seconds.
    pub expires_at: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// The URL of the page.
    pub url: String,
}

impl CheckoutSession {
    /// The JSON of the API. `payment_intent`: the PaymentIntent's JSON, if it is expanded.
    pub fn json(&self, payment_intent: Option<Value>) -> Value {
        let is_open = self.status == "open";
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": self.amount,
            "amount_total": self.amount,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "expires_at": self.expires_at,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": payment_intent.unwrap_or_else(|| json!(self.payment_intent)),
            "payment_method_types": ["card"],
            "payment_status": if self.is_paid { "paid" } else { "unpaid" },
            "status": self.status,
            "success_url": self.success_url,
            "ui_mode": "hosted_page",
            "url": is_open.then_some(&self.url),
        })
    }
}
