//! Snapshot events.

use super::json::{FromJson, Json};
use super::{Charge, CheckoutSession, DisputeObject, PaymentIntent, RefundObject};

/// A snapshot event. It contains the object as it was when the event occurred.
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// When it occurred, in Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// The object that it is about.
    pub subject: Subject,
}

/// The object that an event is about.
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
    /// Another object, or one of these without a required field.
    Other,
}

impl FromJson for Event {
    fn from_json(json: Json<'_>) -> Option<Self> {
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
