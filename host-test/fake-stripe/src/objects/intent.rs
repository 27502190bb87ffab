//! PaymentIntents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CheckoutSession, PaymentMethod, new_id, now, with_nulls};

/// How long a voucher can be paid, in seconds. OXXO vouchers: three days by default.
const VOUCHER_LIFETIME: u64 = 3 * 86_400;

/// A PaymentIntent.
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// The id of the Checkout Session that has made it. None: the API has.
    pub session: Option<String>,
    /// The amount that is due, in Stripe's units.
    pub amount: u64,
    /// The amount that the customer pays, in Stripe's units.
    pub amount_paid: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Such as `requires_payment_method` or `succeeded`.
    pub status: &'static str,
    /// With what the customer pays. None: a card is needed.
    pub payment_method: Option<PaymentMethod>,
    /// The error of the last attempt to pay.
    pub last_payment_error: Option<Value>,
    /// `ch_…` None: no attempt to pay has reached the bank.
    pub latest_charge: Option<String>,
    /// Whether the payment is only authorised, and captured later.
    pub has_manual_capture: bool,
    /// Whether Stripe chooses the ways to pay.
    pub has_automatic_payment_methods: bool,
    /// The page of the voucher that the customer has chosen to pay.
    pub voucher_url: Option<String>,
    /// The page on which the customer authenticates.
    pub authentication_url: String,
    /// Where the customer goes after that.
    pub return_url: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Where Stripe would send the receipt.
    pub receipt_email: Option<String>,
    /// Why and when it was canceled.
    pub cancellation: Option<(String, u64)>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
}

impl PaymentIntent {
    /// A PaymentIntent that nobody has tried to pay.
    pub fn new(amount: u64, currency: String, livemode: bool) -> Self {
        Self {
            id: new_id("pi"),
            session: None,
            amount,
            amount_paid: amount,
            currency,
            status: "requires_payment_method",
            payment_method: None,
            last_payment_error: None,
            latest_charge: None,
            has_manual_capture: false,
            has_automatic_payment_methods: false,
            voucher_url: None,
            authentication_url: String::new(),
            return_url: None,
            description: None,
            receipt_email: None,
            cancellation: None,
            metadata: BTreeMap::new(),
            created: now(),
            livemode,
        }
    }

    /// The PaymentIntent of a Checkout Session.
    pub fn of_session(session: &CheckoutSession) -> Self {
        Self {
            session: Some(session.id.clone()),
            has_manual_capture: session.has_manual_capture,
            authentication_url: session.url.clone(),
            description: session.intent_description.clone(),
            metadata: session.intent_metadata.clone(),
            ..Self::new(session.amount, session.currency.clone(), session.livemode)
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

    fn next_action(&self) -> Option<Value> {
        if self.status != "requires_action" {
            return None;
        }
        Some(match &self.voucher_url {
            Some(url) => json!({
                "type": "oxxo_display_details",
                "oxxo_display_details": {
                    "expires_after": self.created + VOUCHER_LIFETIME,
                    "hosted_voucher_url": url,
                    "number": "12345678901234567890123456789012",
                },
            }),
            None => json!({
                "type": "redirect_to_url",
                "redirect_to_url": {
                    "return_url": self.return_url,
                    "url": self.authentication_url,
                },
            }),
        })
    }

    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        const NULLS: [&str; 19] = [
            "allowed_payment_method_types",
            "application",
            "application_fee_amount",
            "customer",
            "customer_account",
            "excluded_payment_method_types",
            "managed_payments",
            "on_behalf_of",
            "payment_method_configuration_details",
            "payment_record",
            "processing",
            "review",
            "setup_future_usage",
            "shipping",
            "source",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ];
        let capturable = if self.status == "requires_capture" { self.amount_paid } else { 0 };
        let automatic = json!({ "allow_redirects": "always", "enabled": true });
        let intent = json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": capturable,
            "amount_details": { "tip": {} },
            "amount_received": self.amount_received(),
            "automatic_payment_methods":
                self.has_automatic_payment_methods.then_some(automatic),
            "canceled_at": self.cancellation.as_ref().map(|(_, time)| time),
            "cancellation_reason": self.cancellation.as_ref().map(|(reason, _)| reason),
            "capture_method":
                if self.has_manual_capture { "manual" } else { "automatic_async" },
            "client_secret": format!("{}_secret_fake", self.id),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "next_action": self.next_action(),
            "payment_method": self.payment_method.as_ref().map(|method| &method.id),
            "payment_method_options": {
                "card": {
                    "installments": null,
                    "mandate_options": null,
                    "network": null,
                    "request_three_d_secure": "automatic",
                },
            },
            "payment_method_types": ["card"],
            "receipt_email": self.receipt_email,
            "status": self.status,
        });
        with_nulls(intent, &NULLS)
    }

    /// Cancels it. False: it is over already.
    pub fn cancel(&mut self, reason: &str) -> bool {
        let is_open = !matches!(self.status, "succeeded" | "canceled" | "processing");
        if is_open {
            self.status = "canceled";
            self.cancellation = Some((reason.to_owned(), now()));
        }
        is_open
    }
}
