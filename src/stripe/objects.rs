//! Stripe's objects, as far as this provider reads them, in every shape since 2020-08-27. Unknown
//! fields are passed over, and words that may grow stay strings.

use super::json::{Fields as _, Json};
use crate::metadata::Metadata;

/// Something that can be read from JSON.
pub trait FromJson: Sized {
    /// Reads it. None: what has to be there is not.
    fn from_json(json: &Json) -> Option<Self>;
}

/// A page of a list.
pub struct List<T> {
    /// The objects of this page.
    pub data: Vec<T>,
    /// Whether another page follows.
    pub has_more: bool,
}

impl<T: FromJson> FromJson for List<T> {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            data: json.list("data")?.iter().map(T::from_json).collect::<Option<_>>()?,
            has_more: json.flag("has_more").unwrap_or(false),
        })
    }
}

/// The merchant's account.
pub struct Account {
    /// `acct_…`
    pub id: String,
}

impl FromJson for Account {
    fn from_json(json: &Json) -> Option<Self> {
        let id = json.string("id")?;
        Some(Self { id })
    }
}

/// A webhook endpoint.
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The types of event that it delivers; `*` is all of them.
    pub enabled_events: Vec<String>,
    /// The version whose shapes its events have. None: the account's.
    pub api_version: Option<String>,
    /// Our tags, if it is ours.
    pub metadata: Metadata,
    /// Only in the answer to its creation.
    pub secret: Option<String>,
}

impl FromJson for WebhookEndpoint {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            url: json.string("url").unwrap_or_default(),
            status: json.string("status").unwrap_or_default(),
            enabled_events: texts(json.list("enabled_events").unwrap_or_default()),
            api_version: json.string("api_version"),
            metadata: Metadata::of(json),
            secret: json.string("secret"),
        })
    }
}

/// Where events go, in the second version of the API.
pub struct EventDestination {
    /// `ed_…`, or that of the webhook endpoint.
    pub id: String,
    /// `webhook_endpoint`, or another type.
    pub kind: String,
    /// `snapshot` or `thin`.
    pub event_payload: String,
    /// `@self` is the account itself, `self` in earlier versions.
    pub events_from: Vec<String>,
    /// The types of event that it is sent.
    pub enabled_events: Vec<String>,
    /// Where deliveries go, if it is a webhook.
    pub url: Option<String>,
}

impl FromJson for EventDestination {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            kind: json.string("type")?,
            event_payload: json.string("event_payload").unwrap_or_default(),
            events_from: texts(json.list("events_from").unwrap_or_default()),
            enabled_events: texts(json.list("enabled_events").unwrap_or_default()),
            url: json.field("webhook_endpoint").string("url"),
        })
    }
}

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

/// A snapshot event: what happened, and the object as it was then.
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// Unix seconds.
    pub created: u64,
    /// Whether real money is meant.
    pub livemode: bool,
    /// What it happened to.
    pub subject: Subject,
}

/// What an event is about, as far as this provider reads it.
pub enum Subject {
    /// A PaymentIntent.
    Intent(Box<PaymentIntent>),
    /// A Checkout Session.
    Session(Box<CheckoutSession>),
    /// A charge.
    Charge(Box<Charge>),
    /// A refund.
    Refund(Box<RefundObject>),
    /// A dispute.
    Dispute(Box<DisputeObject>),
    /// Anything else, or one of these without what has to be known of it.
    Other,
}

impl FromJson for Event {
    fn from_json(json: &Json) -> Option<Self> {
        let object = json.field("data").field("object");
        let subject = match object.str("object") {
            Some("payment_intent") => {
                PaymentIntent::from_json(object).map(|intent| Subject::Intent(Box::new(intent)))
            }
            Some("checkout.session") => CheckoutSession::from_json(object)
                .map(|session| Subject::Session(Box::new(session))),
            Some("charge") => {
                Charge::from_json(object).map(|charge| Subject::Charge(Box::new(charge)))
            }
            Some("refund") => {
                RefundObject::from_json(object).map(|refund| Subject::Refund(Box::new(refund)))
            }
            Some("dispute") => {
                DisputeObject::from_json(object).map(|dispute| Subject::Dispute(Box::new(dispute)))
            }
            _ => None,
        };
        Some(Self {
            id: json.string("id")?,
            kind: json.string("type")?,
            created: json.number("created")?,
            livemode: json.flag("livemode")?,
            subject: subject.unwrap_or(Subject::Other),
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

/// Money that was given back.
pub struct RefundObject {
    /// `re_…`
    pub id: String,
    /// The PaymentIntent that it is of. None: it is of a charge without one.
    pub payment_intent: Option<String>,
    /// How much, as Stripe counts.
    pub amount: u64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`, or another word.
    pub status: String,
    /// Why it failed, such as `expired_or_canceled_card`.
    pub failure_reason: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// Our tags.
    pub metadata: Metadata,
}

impl FromJson for RefundObject {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            payment_intent: json.string("payment_intent"),
            amount: json.number("amount")?,
            currency: json.string("currency")?,
            status: json.string("status").unwrap_or_default(),
            failure_reason: json.string("failure_reason"),
            created: json.number("created").unwrap_or(0),
            metadata: Metadata::of(json),
        })
    }
}

/// A customer's objection to a charge.
pub struct DisputeObject {
    /// `du_…` or `dp_…`
    pub id: String,
    /// The PaymentIntent that it is about.
    pub payment_intent: String,
    /// How much, as Stripe counts.
    pub amount: u64,
    /// Lower case.
    pub currency: String,
    /// `needs_response`, `under_review`, `won`, `lost`, or another word.
    pub status: String,
    /// Until when the merchant has to answer, in Unix seconds.
    pub due_by: Option<u64>,
    /// Whether the charge can still be refunded.
    pub is_charge_refundable: bool,
}

impl FromJson for DisputeObject {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            payment_intent: json.string("payment_intent")?,
            amount: json.number("amount")?,
            currency: json.string("currency")?,
            status: json.string("status").unwrap_or_default(),
            due_by: json.field("evidence_details").number("due_by"),
            is_charge_refundable: json.flag("is_charge_refundable").unwrap_or(false),
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

fn texts(list: &[Json]) -> Vec<String> {
    list.iter().filter_map(|json| json.as_str().map(str::to_owned)).collect()
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
