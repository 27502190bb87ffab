//! Stripe's objects as the fake stores them, and their JSON.

mod dispute;
mod endpoint;
mod event;
mod intent;
mod refund;
mod session;

use std::time::{SystemTime, UNIX_EPOCH};

pub use dispute::Dispute;
pub use endpoint::WebhookEndpoint;
pub use event::Event;
pub use intent::PaymentIntent;
pub use refund::Refund;
pub use session::CheckoutSession;

/// A new id: a prefix and 32 hexadecimal digits.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}

/// The time, in Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
