//! Stripe's objects as the fake stores them, and their JSON.

mod dispute;
mod endpoint;
mod event;
mod intent;
mod refund;
mod session;

pub use dispute::Dispute;
pub use endpoint::WebhookEndpoint;
pub use event::Event;
pub use intent::PaymentIntent;
pub use refund::Refund;
pub use session::CheckoutSession;

pub use crate::clock::now;

/// A new id: a prefix and 32 hexadecimal digits.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}
