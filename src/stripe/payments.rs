//! Checkout Sessions, PaymentIntents and charges, in every shape since 2020-08-27.

use super::json::{FromJson, Json};
use crate::metadata::Metadata;

/// A Checkout Session: the page on which a customer pays.
pub struct CheckoutSession {
    /// `cs_…`
    pub id: String,
    /// The amount that was asked for, in Stripe's units.
    pub amount_total: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// Where the customer pays. None: the session is over.
    pub url: Option<String>,
    /// Until when the customer can pay, in Unix seconds.
    pub expires_at: Option<u64>,
    /// None: the customer has not confirmed yet.
    pub payment_intent: Option<IntentOrId>,
    /// Our metadata.
    pub metadata: Metadata,
}

/// A Checkout Session's PaymentIntent: the object if the request expanded it, else its id.
pub enum IntentOrId {
    /// The object.
    Intent(Box<PaymentIntent>),
    /// The id.
    Id(String),
}

impl FromJson for CheckoutSession {
    fn from_json(json: Json<'_>) -> Option<Self> {
        let payment_intent = match json.value("payment_intent") {
            Some(intent) => Some(match intent.as_str() {
                Some(id) => IntentOrId::Id(id.to_owned()),
                None => IntentOrId::Intent(Box::new(PaymentIntent::from_json(intent)?)),
            }),
            None => None,
        };
        Some(Self {
            id: json.string("id")?,
            amount_total: json.number("amount_total")?,
            currency: json.string("currency")?,
            created: json.number("created").unwrap_or(0),
            livemode: json.flag("livemode")?,
            status: json.string("status")?,
            url: json.string("url"),
            expires_at: json.number("expires_at"),
            payment_intent,
            metadata: Metadata::of(json),
        })
    }
}

/// A PaymentIntent.
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// The amount that was asked for, in Stripe's units.
    pub amount: u64,
    /// The amount that was received, in Stripe's units.
    pub amount_received: u64,
    /// The amount that was refunded, in Stripe's units. None: not known.
    pub amount_refunded: Option<u64>,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// Such as `requires_payment_method` or `succeeded`. Stripe may add statuses.
    pub status: String,
    /// The voucher that the customer pays, for methods such as OXXO and Boleto.
    pub voucher: Option<Voucher>,
    /// Why the last attempt failed.
    pub last_payment_error: Option<PaymentError>,
    /// Until when it can be captured, in Unix seconds. Only if the request expanded the charge.
    pub capture_before: Option<u64>,
    /// Whether the charge is disputed. Only if the request expanded the charge.
    pub is_disputed: bool,
    /// Our metadata.
    pub metadata: Metadata,
}

impl FromJson for PaymentIntent {
    fn from_json(json: Json<'_>) -> Option<Self> {
        let charge = json.field("latest_charge");
        let card = charge.field("payment_method_details").field("card");
        Some(Self {
            id: json.string("id")?,
            amount: json.number("amount")?,
            amount_received: json.number("amount_received").unwrap_or(0),
            amount_refunded: amount_refunded(json),
            currency: json.string("currency")?,
            created: json.number("created").unwrap_or(0),
            livemode: json.flag("livemode")?,
            status: json.string("status")?,
            voucher: Voucher::of(json.field("next_action")),
            last_payment_error: json.value("last_payment_error").map(PaymentError::of),
            capture_before: card.number("capture_before"),
            is_disputed: charge.flag("disputed").unwrap_or(false),
            metadata: Metadata::of(json),
        })
    }
}

/// A charge: one attempt to pay.
pub struct Charge {
    /// The id of its PaymentIntent.
    pub payment_intent: String,
    /// The amount that was asked for, in Stripe's units.
    pub amount: u64,
    /// The amount that was received, in Stripe's units.
    pub amount_captured: u64,
    /// The amount that was refunded, in Stripe's units.
    pub amount_refunded: u64,
    /// The currency's code, in lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// Such as `succeeded`.
    pub status: String,
    /// Our tags, copied from the PaymentIntent.
    pub metadata: Metadata,
}

impl FromJson for Charge {
    fn from_json(json: Json<'_>) -> Option<Self> {
        Some(Self {
            payment_intent: json.string("payment_intent")?,
            amount: json.number("amount")?,
            amount_captured: json.number("amount_captured").unwrap_or(0),
            amount_refunded: json.number("amount_refunded")?,
            currency: json.string("currency")?,
            created: json.number("created").unwrap_or(0),
            livemode: json.flag("livemode")?,
            status: json.string("status").unwrap_or_default(),
            metadata: Metadata::of(json),
        })
    }
}

/// Since API version 2022-11-15 the amount is in the expanded last charge; before, in the list of charges.
fn amount_refunded(intent: Json<'_>) -> Option<u64> {
    if let Some(refunded) = intent.field("latest_charge").number("amount_refunded") {
        return Some(refunded);
    }
    let charges = intent.field("charges").list("data")?;
    charges.map(|charge| charge.number("amount_refunded")).sum()
}

/// A voucher: the customer pays it elsewhere, within days.
pub struct Voucher {
    /// The page that shows it.
    pub url: String,
    /// Until when it can be paid, in Unix seconds.
    pub expires_at: Option<u64>,
}

impl Voucher {
    /// The voucher of a `next_action`. Each method has a field of its own, such as `oxxo_display_details`.
    fn of(next_action: Json<'_>) -> Option<Self> {
        next_action.values().find_map(|details| {
            let url = details.string("hosted_voucher_url")?;
            let expires_at =
                details.number("expires_after").or_else(|| details.number("expires_at"));
            Some(Self { url, expires_at })
        })
    }
}

/// The error of a failed attempt to pay.
pub struct PaymentError {
    /// The decline code, such as `insufficient_funds`, else the error code, such as `card_declined`.
    pub code: Option<String>,
    /// Stripe's message for the customer.
    pub message: Option<String>,
}

impl PaymentError {
    fn of(json: Json<'_>) -> Self {
        Self {
            code: json.string("decline_code").or_else(|| json.string("code")),
            message: json.string("message"),
        }
    }
}
