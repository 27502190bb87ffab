//! Checkout Sessions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{empty_address, with_nulls};

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
    /// The customer's address, as far as the caller knows it.
    pub customer_email: Option<String>,
    /// The description of its PaymentIntent.
    pub intent_description: Option<String>,
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

/// What the fake's Checkout Sessions never have.
const NULLS: [&str; 29] = [
    "after_expiration",
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "billing_address_collection",
    "client_secret",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer",
    "customer_account",
    "discounts",
    "integration_identifier",
    "invoice",
    "locale",
    "managed_payments",
    "origin_context",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "wallet_options",
    "collected_information",
    "customer_details",
];

impl CheckoutSession {
    /// What the customer has entered: the page asks for a card only.
    fn customer_details(&self) -> Value {
        json!({
            "address": empty_address(),
            "business_name": null,
            "email": self.customer_email,
            "individual_name": null,
            "name": null,
            "phone": null,
            "tax_exempt": "none",
            "tax_ids": [],
        })
    }

    /// The JSON of the API and of events.
    pub fn json(&self) -> Value {
        let is_open = self.status == "open";
        let session = json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "amount_subtotal": self.amount,
            "amount_total": self.amount,
            "automatic_tax": {
                "enabled": false,
                "liability": null,
                "provider": null,
                "status": null,
            },
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "created": self.created,
            "currency": self.currency,
            "custom_fields": [],
            "custom_text": {
                "after_submit": null,
                "shipping_address": null,
                "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer_creation": "if_required",
            "customer_email": self.customer_email,
            "expires_at": self.expires_at,
            "invoice_creation": no_invoice(),
            "livemode": self.livemode,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.payment_intent,
            "payment_method_collection": "if_required",
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "payment_status": if self.is_paid { "paid" } else { "unpaid" },
            "phone_number_collection": { "enabled": false },
            "shipping_options": [],
            "status": self.status,
            "success_url": self.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted_page",
            "url": is_open.then_some(&self.url),
        });
        let mut session = with_nulls(session, &NULLS);
        if self.status == "complete"
            && let Some(fields) = session.as_object_mut()
        {
            fields.insert("customer_details".to_owned(), self.customer_details());
        }
        session
    }
}

fn no_invoice() -> Value {
    json!({
        "enabled": false,
        "invoice_data": {
            "account_tax_ids": null,
            "custom_fields": null,
            "description": null,
            "footer": null,
            "issuer": null,
            "metadata": {},
            "rendering_options": null,
        },
    })
}
