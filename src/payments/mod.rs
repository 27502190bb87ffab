//! Payments: the page on which a customer pays, and what became of it.

mod cancel;
mod create;
mod currency;
mod map;
mod missed;
mod refund;

pub use cancel::cancel;
pub use create::create;
pub use map::{from_event, mode};
pub use missed::missed_events;
pub use refund::refund;

use crate::bindings::brain_studio::payments::types::{Installation, Payment, ProviderError};
use crate::problem::problem;
use crate::stripe::{self, CheckoutSession, Error, Form, PaymentIntent, Read};

/// What Stripe says now of a payment, by its Checkout Session or its PaymentIntent.
pub fn get(installation: &Installation, id: &str) -> Result<Payment, ProviderError> {
    let is_a_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_a_name && id.starts_with("cs_") {
        let query = Form::new().with("expand[]", "payment_intent.latest_charge");
        let session: CheckoutSession = fetch(&format!("/v1/checkout/sessions/{id}"), &query)?;
        return map::from_session(session, installation).map_err(unreadable_amount);
    }
    if is_a_name && id.starts_with("pi_") {
        let query = Form::new().with("expand[]", "latest_charge");
        let intent: PaymentIntent = fetch(&format!("/v1/payment_intents/{id}"), &query)?;
        return map::from_intent(intent, installation).map_err(unreadable_amount);
    }
    Err(ProviderError::NotFound(problem(
        "payment-not-found",
        "This is not the name of a payment at Stripe: those start with pi_ or cs_.",
        &["Give the payment's own reference, or its name at Stripe."],
    )))
}

/// What stands at a path.
fn fetch<T: Read>(path: &str, query: &Form) -> Result<T, Error> {
    stripe::get(path, query)?.read()
}

fn unreadable_amount(_: map::AmountTooLarge) -> ProviderError {
    stripe::Error::unreadable(false).into()
}
