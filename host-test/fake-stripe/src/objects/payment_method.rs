//! PaymentMethods: the test card with which an attempt to pay was made.

use serde_json::{Value, json};

use super::{empty_address, new_id, now, with_nulls};
use crate::test_cards::TestCard;

/// When every card expires. Our own choice.
const EXPIRY_MONTH: u32 = 12;
/// See [`EXPIRY_MONTH`].
const EXPIRY_YEAR: u32 = 2040;

/// A PaymentMethod of one attempt to pay. Stripe too makes a new one of `pm_card_visa` each time.
#[derive(Clone)]
pub struct PaymentMethod {
    /// `pm_…`
    pub id: String,
    /// The card.
    pub card: &'static TestCard,
    /// Unix seconds.
    created: u64,
    livemode: bool,
}

impl PaymentMethod {
    /// A new PaymentMethod of a test card.
    pub fn new(card: &'static TestCard, livemode: bool) -> Self {
        Self { id: new_id("pm"), card, created: now(), livemode }
    }

    /// The JSON of the API.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(),
            "card": {
                "brand": self.card.brand,
                "checks": checks(),
                "country": "US",
                "display_brand": self.card.brand,
                "exp_month": EXPIRY_MONTH,
                "exp_year": EXPIRY_YEAR,
                "fingerprint": self.card.fingerprint(),
                "funding": "credit",
                "generated_from": null,
                "last4": self.card.last4(),
                "networks": { "available": [self.card.brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            },
            "created": self.created,
            "customer": null,
            "customer_account": null,
            "livemode": self.livemode,
            "metadata": {},
            "type": "card",
        })
    }

    /// The field `payment_method_details` of a charge. `capture_before`: until when it can be captured.
    pub fn details(&self, amount_authorized: Option<u64>, capture_before: Option<u64>) -> Value {
        const NULLS: [&str; 9] = [
            "authorization_code",
            "electronic_commerce_indicator",
            "installments",
            "mandate",
            "network_transaction_id",
            "regulated_status",
            "three_d_secure",
            "transaction_link_id",
            "wallet",
        ];
        let card = json!({
            "amount_authorized": amount_authorized,
            "brand": self.card.brand,
            "capture_before": capture_before,
            "checks": checks(),
            "country": "US",
            "exp_month": EXPIRY_MONTH,
            "exp_year": EXPIRY_YEAR,
            "extended_authorization": { "status": "disabled" },
            "fingerprint": self.card.fingerprint(),
            "funding": "credit",
            "incremental_authorization": { "status": "unavailable" },
            "last4": self.card.last4(),
            "multicapture": { "status": "unavailable" },
            "network": self.card.brand,
            "network_token": { "used": false },
            "overcapture": {
                "maximum_amount_capturable": amount_authorized.unwrap_or(0),
                "status": "unavailable",
            },
        });
        let mut card = with_nulls(card, &NULLS);
        if capture_before.is_none()
            && let Some(card) = card.as_object_mut()
        {
            card.remove("capture_before");
        }
        json!({ "card": card, "type": "card" })
    }
}

/// The billing details: the page asks for none.
pub fn billing_details() -> Value {
    json!({
        "address": empty_address(),
        "email": null,
        "name": null,
        "phone": null,
        "tax_id": null,
    })
}

fn checks() -> Value {
    json!({ "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" })
}
