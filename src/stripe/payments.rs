//! Checkout Sessions, PaymentIntents and charges, in every shape since 2020-08-27.

use super::json::{Fields as _, FromJson, Json};
use crate::metadata::Metadata;

/// The page on which a customer pays.
pub struct CheckoutSession {
    /// `cs_…`
    pub id: String,
    /// What was asked for, as Stripe counts.
    pub amount_total: u64,
    /// Lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether real money is meant.
    pub livemode: bool,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// Where the customer pays. Null once that is over.
    pub url: Option<String>,
    /// Until when the customer can pay there, in Unix seconds.
    pub expires_at: Option<u64>,
    /// Null until the customer confirms.
    pub payment_intent: Option<IntentOrId>,
    /// Our tags.
    pub metadata: Metadata,
}

/// The PaymentIntent of a page: itself where the request asked for it, else its id.
pub enum IntentOrId {
    /// Itself.
    Intent(Box<PaymentIntent>),
    /// Its id.
    Id(String),
}

impl FromJson for CheckoutSession {
    fn from_json(json: &Json) -> Option<Self> {
        let payment_intent = match json.value("payment_intent") {
            Some(Json::String(id)) => Some(IntentOrId::Id(id.clone())),
            Some(intent) => Some(IntentOrId::Intent(Box::new(PaymentIntent::from_json(intent)?))),
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

/// A payment from the customer's first attempt on.
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// What was asked for, as Stripe counts.
    pub amount: u64,
    /// What has been received, as Stripe counts.
    pub amount_received: u64,
    /// What has been given back, as Stripe counts. None: it does not say.
    pub amount_refunded: Option<u64>,
    /// Lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether real money is meant.
    pub livemode: bool,
    /// One of the words of the lifecycle, or one that we do not know.
    pub status: String,
    /// Why the last attempt failed.
    pub last_payment_error: Option<PaymentError>,
    /// Until when it can be captured, in Unix seconds, where the request asked for the charge.
    pub capture_before: Option<u64>,
    /// Whether the customer has objected to the charge, where the request asked for the charge.
    pub is_disputed: bool,
    /// Our tags.
    pub metadata: Metadata,
}

impl FromJson for PaymentIntent {
    fn from_json(json: &Json) -> Option<Self> {
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
            last_payment_error: json.value("last_payment_error").map(PaymentError::of),
            capture_before: card.number("capture_before"),
            is_disputed: charge.flag("disputed").unwrap_or(false),
            metadata: Metadata::of(json),
        })
    }
}

/// One attempt to take money.
pub struct Charge {
    /// The PaymentIntent that it belongs to.
    pub payment_intent: String,
    /// What was asked for, as Stripe counts.
    pub amount: u64,
    /// What has been received, as Stripe counts.
    pub amount_captured: u64,
    /// What has been given back, as Stripe counts.
    pub amount_refunded: u64,
    /// Lower case.
    pub currency: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether real money is meant.
    pub livemode: bool,
    /// `succeeded`, or another word.
    pub status: String,
    /// Our tags, copied from the PaymentIntent.
    pub metadata: Metadata,
}

impl FromJson for Charge {
    fn from_json(json: &Json) -> Option<Self> {
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

/// From 2022-11-15 on the last charge says it, where the request asked for the charge; before, the
/// list of all of them.
fn amount_refunded(intent: &Json) -> Option<u64> {
    if let Some(refunded) = intent.field("latest_charge").number("amount_refunded") {
        return Some(refunded);
    }
    let charges = intent.field("charges").list("data")?;
    charges.iter().map(|charge| charge.number("amount_refunded")).sum()
}

/// Why an attempt to pay failed.
pub struct PaymentError {
    /// The bank's reason, such as `insufficient_funds`, else Stripe's, such as `card_declined`.
    pub code: Option<String>,
    /// A sentence for the customer.
    pub message: Option<String>,
}

impl PaymentError {
    fn of(json: &Json) -> Self {
        Self {
            code: json.string("decline_code").or_else(|| json.string("code")),
            message: json.string("message"),
        }
    }
}
