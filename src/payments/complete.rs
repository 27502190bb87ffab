//! Capturing a payment that the customer has authorised.

use super::{get, get_changed};
use crate::bindings::brain_studio::payments::types::{
    Awaited, CompletionRequest, Installation, Payment, PaymentStatus, ProviderError,
};
use crate::problem::problem;
use crate::stripe::{Client, Error, Params};

/// Captures the whole amount. A payment that is captured already is a success.
pub fn complete(
    stripe: &Client,
    installation: &Installation,
    request: &CompletionRequest,
) -> Result<Payment, ProviderError> {
    let payment = get(stripe, installation, &request.payment)?;
    match (&payment.awaits, payment.status) {
        (_, PaymentStatus::Approved) => return Ok(payment),
        (Awaited::Completion(_), _) => {}
        _ => return Err(not_completable()),
    }
    let path = format!("/v1/payment_intents/{}/capture", payment.id);
    match stripe.post(&path, &Params::new(), Some(&request.idempotency_key)) {
        // It may have been captured meanwhile: the payment is read again.
        Ok(_) | Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let payment = get_changed(stripe, installation, &request.payment)?;
    if payment.status == PaymentStatus::Approved { Ok(payment) } else { Err(not_completable()) }
}

fn not_completable() -> ProviderError {
    ProviderError::Refused(problem(
        "payment-not-completable",
        "This payment is not authorised, so there is nothing to capture.",
        &[
            "Wait until the customer has paid. An expired authorisation cannot be captured: create a new payment.",
        ],
    ))
}
