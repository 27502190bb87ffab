//! PaymentIntents and their charges.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CheckoutSession, new_id, now};

/// How long a card payment can be captured, in seconds. Stripe allows seven days for most cards.
const CAPTURE_WINDOW: u64 = 7 * 86_400;

/// How long a voucher can be paid, in seconds. OXXO vouchers: three days by default.
const VOUCHER_LIFETIME: u64 = 3 * 86_400;

/// A PaymentIntent with its last charge.
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    amount: u64,
    /// The amount that the customer pays, in Stripe's units.
    amount_paid: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Such as `requires_payment_method` or `succeeded`.
    pub status: &'static str,
    /// The error of the last attempt to pay.
    pub last_payment_error: Option<Value>,
    /// `ch_…` None: the customer has not tried to pay yet.
    pub latest_charge: Option<String>,
    /// The amount that was refunded, in Stripe's units.
    pub amount_refunded: u64,
    /// Whether the charge is disputed.
    pub is_disputed: bool,
    /// Whether the payment is only authorised, and captured later.
    pub has_manual_capture: bool,
    /// The page of the voucher that the customer has chosen to pay.
    pub voucher_url: Option<String>,
    cancellation_reason: Option<String>,
    metadata: BTreeMap<String, String>,
    created: u64,
    livemode: bool,
    /// The page on which the customer authenticates.
    authentication_url: String,
}

impl PaymentIntent {
    /// The PaymentIntent of a Checkout Session.
    pub fn of_session(session: &CheckoutSession) -> Self {
        Self {
            id: new_id("pi"),
            amount: session.amount,
            amount_paid: session.amount,
            currency: session.currency.clone(),
            status: "requires_payment_method",
            last_payment_error: None,
            latest_charge: None,
            amount_refunded: 0,
            is_disputed: false,
            has_manual_capture: session.has_manual_capture,
            voucher_url: None,
            cancellation_reason: None,
            metadata: session.intent_metadata.clone(),
            created: now(),
            livemode: session.livemode,
            authentication_url: session.url.clone(),
        }
    }

    /// The amount that was received, in Stripe's units.
    pub fn amount_received(&self) -> u64 {
        if self.status == "succeeded" { self.amount_paid } else { 0 }
    }

    /// The customer pays only 90 %.
    pub fn pay_in_part(&mut self) {
        self.amount_paid = self.amount - self.amount.div_ceil(10);
    }

    /// The customer pays as many units in euros, or in dollars if it was in euros.
    pub fn pay_in_other_currency(&mut self) {
        let other = if self.currency == "eur" { "usd" } else { "eur" };
        other.clone_into(&mut self.currency);
    }

    fn is_authorised(&self) -> bool {
        matches!(self.status, "succeeded" | "requires_capture")
    }

    fn capture_before(&self) -> Option<u64> {
        (self.status == "requires_capture").then_some(self.created + CAPTURE_WINDOW)
    }

    /// The JSON of the last charge. None: there is no charge.
    pub fn charge_json(&self) -> Option<Value> {
        let received = self.amount_received();
        Some(json!({
            "id": self.latest_charge.as_ref()?,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": received,
            "amount_refunded": self.amount_refunded,
            "captured": received > 0,
            "disputed": self.is_disputed,
            "currency": self.currency,
            "created": self.created,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "status": if self.is_authorised() { "succeeded" } else { "failed" },
            "paid": self.is_authorised(),
            "payment_method_details": {
                "card": { "capture_before": self.capture_before() },
                "type": "card",
            },
            "payment_intent": self.id,
            "refunded": self.amount_refunded > 0 && self.amount_refunded == received,
        }))
    }

    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        self.json_with_charge(&json!(self.latest_charge))
    }

    /// The JSON of the API with the last charge expanded.
    pub fn expanded_json(&self) -> Value {
        self.json_with_charge(&self.charge_json().unwrap_or_default())
    }

    fn json_with_charge(&self, latest_charge: &Value) -> Value {
        let next_action = (self.status == "requires_action").then(|| {
            if let Some(url) = &self.voucher_url {
                return json!({
                    "type": "oxxo_display_details",
                    "oxxo_display_details": {
                        "expires_after": self.created + VOUCHER_LIFETIME,
                        "hosted_voucher_url": url,
                        "number": "12345678901234567890123456789012",
                    },
                });
            }
            json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": self.authentication_url, "return_url": null },
            })
        });
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable":
                if self.status == "requires_capture" { self.amount_paid } else { 0 },
            "amount_received": self.amount_received(),
            "canceled_at": null,
            "cancellation_reason": self.cancellation_reason,
            "capture_method":
                if self.has_manual_capture { "manual" } else { "automatic_async" },
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "last_payment_error": self.last_payment_error,
            "latest_charge": latest_charge,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "next_action": next_action,
            "payment_method_types": ["card"],
            "status": self.status,
        })
    }

    /// Cancels it. False: it is over already.
    pub fn cancel(&mut self, reason: &str) -> bool {
        let is_open = !matches!(self.status, "succeeded" | "canceled" | "processing");
        if is_open {
            self.status = "canceled";
            self.cancellation_reason = Some(reason.to_owned());
        }
        is_open
    }
}
