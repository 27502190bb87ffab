//! Payments: the page on which a customer pays, and what became of it.

mod create;
mod currency;
mod map;

pub use create::create;
pub use map::{from_intent, mode};

use crate::bindings::brain_studio::payments::types::{Installation, Payment, ProviderError};
use crate::problem::problem;
use crate::stripe::{self, CheckoutSession, Form, PaymentIntent};

/// What Stripe says now of a payment, by its Checkout Session or its PaymentIntent.
pub async fn get(installation: &Installation, id: &str) -> Result<Payment, ProviderError> {
    let is_a_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_a_name && id.starts_with("cs_") {
        let query = Form::new().with("expand[]", "payment_intent.latest_charge");
        let session: CheckoutSession =
            stripe::get(&format!("/v1/checkout/sessions/{id}"), &query).await?.read()?;
        return map::from_session(session, installation).map_err(unreadable_amount);
    }
    if is_a_name && id.starts_with("pi_") {
        let query = Form::new().with("expand[]", "latest_charge");
        let intent: PaymentIntent =
            stripe::get(&format!("/v1/payment_intents/{id}"), &query).await?.read()?;
        return map::from_intent(intent, installation).map_err(unreadable_amount);
    }
    Err(ProviderError::NotFound(problem(
        "payment-not-found",
        "This is not the name of a payment at Stripe: those start with pi_ or cs_.",
        &["Give the payment's own reference, or its name at Stripe."],
    )))
}

fn unreadable_amount(_: map::AmountTooLarge) -> ProviderError {
    stripe::Error::unreadable(false).into()
}
