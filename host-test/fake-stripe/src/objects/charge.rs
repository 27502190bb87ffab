//! Charges: the attempts to pay a PaymentIntent that reached the bank.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::payment_method::billing_details;
use super::{PaymentIntent, PaymentMethod, new_id, now, with_nulls};
use crate::test_cards::Decline;

/// How long a card payment can be captured, in seconds. Stripe allows seven days for most cards.
const CAPTURE_WINDOW: u64 = 7 * 86_400;

/// A charge.
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// The id of its PaymentIntent.
    pub payment_intent: String,
    /// With what the customer paid.
    pub payment_method: PaymentMethod,
    amount: u64,
    /// The amount that was captured, in Stripe's units.
    pub amount_captured: u64,
    /// The amount that was refunded, in Stripe's units.
    pub amount_refunded: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    status: &'static str,
    /// Whether it is disputed.
    pub is_disputed: bool,
    failure: Option<Decline>,
    description: Option<String>,
    receipt_email: Option<String>,
    metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
    livemode: bool,
}

impl Charge {
    fn new(intent: &PaymentIntent, payment_method: PaymentMethod, status: &'static str) -> Self {
        Self {
            id: new_id("ch"),
            payment_intent: intent.id.clone(),
            payment_method,
            amount: intent.amount,
            amount_captured: 0,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            status,
            is_disputed: false,
            failure: None,
            description: intent.description.clone(),
            receipt_email: intent.receipt_email.clone(),
            metadata: intent.metadata.clone(),
            created: now(),
            livemode: intent.livemode,
        }
    }

    /// A charge that the bank has authorised. Nothing is captured yet.
    pub fn authorised(intent: &PaymentIntent, payment_method: PaymentMethod) -> Self {
        Self::new(intent, payment_method, "succeeded")
    }

    /// A charge on which the bank has not decided.
    pub fn pending(intent: &PaymentIntent, payment_method: PaymentMethod) -> Self {
        Self::new(intent, payment_method, "pending")
    }

    /// A charge that was declined.
    pub fn declined(
        intent: &PaymentIntent,
        payment_method: PaymentMethod,
        decline: Decline,
    ) -> Self {
        Self { failure: Some(decline), ..Self::new(intent, payment_method, "failed") }
    }

    /// The amount that can still be refunded, in Stripe's units.
    pub fn refundable(&self) -> u64 {
        self.amount_captured.saturating_sub(self.amount_refunded)
    }

    fn outcome(&self) -> Value {
        const NULLS: [&str; 2] = ["network_advice_code", "network_decline_code"];
        let outcome = match self.failure {
            Some(decline) => json!({
                "advice_code": decline.advice,
                "network_status": "declined_by_network",
                "reason": decline.reason,
                "risk_level": "normal",
                "seller_message": "The bank did not return any further details with this decline.",
                "type": "issuer_declined",
            }),
            None => json!({
                "advice_code": null,
                "network_status": "approved_by_network",
                "reason": null,
                "risk_level": "normal",
                "seller_message": "Payment complete.",
                "type": "authorized",
            }),
        };
        with_nulls(outcome, &NULLS)
    }

    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        const NULLS: [&str; 17] = [
            "application",
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "customer",
            "failure_balance_transaction",
            "on_behalf_of",
            "receipt_number",
            "receipt_url",
            "review",
            "shipping",
            "source",
            "source_transfer",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ];
        let is_authorised = self.status == "succeeded";
        let is_captured = self.amount_captured > 0;
        let capture_before =
            (is_authorised && !is_captured).then_some(self.created + CAPTURE_WINDOW);
        let authorised = is_authorised.then_some(self.amount);
        let charge = json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount_captured,
            "amount_refunded": self.amount_refunded,
            "billing_details": billing_details(),
            "calculated_statement_descriptor": "FAKE STRIPE'S SHOP",
            "captured": is_captured,
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "disputed": self.is_disputed,
            "failure_code": self.failure.map(|decline| decline.code),
            "failure_message": self.failure.map(|decline| decline.message),
            "fraud_details": {},
            "livemode": self.livemode,
            "metadata": self.metadata,
            "outcome": self.outcome(),
            "paid": is_authorised,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method.id,
            "payment_method_details": self.payment_method.details(authorised, capture_before),
            "receipt_email": self.receipt_email,
            "refunded": is_captured && self.amount_refunded == self.amount_captured,
            "status": self.status,
        });
        with_nulls(charge, &NULLS)
    }
}
