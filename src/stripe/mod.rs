//! Stripe's API as this provider uses it, over the `http` capability.
//!
//! The API key is not here: the host adds it to each request.

mod account;
mod client;
mod error;
mod event;
mod json;
mod params;
mod payments;
mod refunds;
mod webhooks;

pub use account::Account;
pub use client::{Client, Request, Response};
pub use error::{Error, TELL_SUPPORT, TRY_AGAIN};
pub use event::{Event, Subject};
pub use json::{FromJson, Json, List, parse};
pub use params::Params;
pub use payments::{Charge, CheckoutSession, IntentOrId, PaymentError, PaymentIntent, Voucher};
pub use refunds::{DisputeObject, RefundObject};
pub use webhooks::{EventDestination, WebhookEndpoint};

/// The origin of the API.
pub const ORIGIN: &str = "https://api.stripe.com";
/// The API version of our requests. Stripe answers in it whatever the account's default is.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The oldest API version whose events can be read: a webhook created by hand may have it.
pub const OLDEST_API_VERSION: &str = "2020-08-27";

/// Whether a text is an id with this prefix. It is safe in a path then.
pub fn is_id(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
