//! Stripe's objects as the fake stores them, and their JSON: every field that Stripe always sends, as the
//! types of its official Node package (23.1.0, API version 2026-10-28.endive) say.

mod account;
mod charge;
mod destination;
mod dispute;
mod endpoint;
mod event;
mod intent;
mod payment_method;
mod refund;
mod session;

use serde_json::{Value, json};

pub use account::account_json;
pub use charge::Charge;
pub use destination::EventDestination;
pub use dispute::Dispute;
pub use endpoint::WebhookEndpoint;
pub use event::{API_VERSION, Cause, Event};
pub use intent::PaymentIntent;
pub use payment_method::PaymentMethod;
pub use refund::Refund;
pub use session::CheckoutSession;

pub use crate::clock::now;

/// A new id: a prefix and 32 hexadecimal digits.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}

/// Adds the fields that Stripe always sends and of which the fake has nothing to say: they are null.
fn with_nulls(mut object: Value, fields: &[&str]) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.extend(fields.iter().map(|&field| (field.to_owned(), Value::Null)));
    }
    object
}

/// An address of which nothing is known.
fn empty_address() -> Value {
    const FIELDS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];
    with_nulls(json!({}), &FIELDS)
}
