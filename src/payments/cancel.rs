//! Canceling a payment, so that it can never be paid.

use super::{get, get_changed};
use crate::bindings::brain_studio::payments::types::{
    Installation, Payment, PaymentStatus, ProviderError,
};
use crate::problem::problem;
use crate::stripe::{CheckoutSession, Client, Error, List, Params};

/// Cancels a payment. One that is canceled already is a success, one that is paid is refused. While the
/// Checkout Session is open, Stripe only lets the session expire, and cancels its PaymentIntent then.
pub fn cancel(
    stripe: &Client,
    installation: &Installation,
    id: &str,
) -> Result<Payment, ProviderError> {
    let mut payment = get(stripe, installation, id)?;
    if is_canceled(&payment)? {
        return Ok(payment);
    }
    if let Some(session) = open_session_of(stripe, &payment)? {
        try_post(stripe, &format!("/v1/checkout/sessions/{session}/expire"))?;
        payment = get_changed(stripe, installation, id)?;
        if is_canceled(&payment)? {
            return Ok(payment);
        }
    }
    if payment.id.starts_with("pi_") {
        try_post(stripe, &format!("/v1/payment_intents/{}/cancel", payment.id))?;
        payment = get_changed(stripe, installation, id)?;
        if is_canceled(&payment)? {
            return Ok(payment);
        }
    }
    Err(ProviderError::Refused(problem(
        "payment-not-cancelable",
        "Stripe is processing this payment, so it cannot be canceled now.",
        &["Wait until it is decided. If it is paid, refund it."],
    )))
}

/// Whether the payment is canceled. A paid one is an error.
fn is_canceled(payment: &Payment) -> Result<bool, ProviderError> {
    if payment.status == PaymentStatus::Approved {
        return Err(ProviderError::Refused(problem(
            "payment-already-paid",
            "This payment is paid, so it cannot be canceled.",
            &["To return the money, refund it."],
        )));
    }
    Ok(payment.status == PaymentStatus::Canceled)
}

/// Sends a `POST` request. A refusal is no error: the customer may have paid meanwhile, and the payment is
/// read again afterwards.
fn try_post(stripe: &Client, path: &str) -> Result<(), Error> {
    match stripe.post(path, &Params::new(), None) {
        Ok(_) | Err(Error::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The id of a payment's Checkout Session, if it may be open.
fn open_session_of(stripe: &Client, payment: &Payment) -> Result<Option<String>, Error> {
    if let Some(session) = payment.aliases.iter().find(|alias| alias.starts_with("cs_")) {
        return Ok(Some(session.clone()));
    }
    let query = Params::new().with("payment_intent", &payment.id).with("limit", "1");
    let sessions: List<CheckoutSession> = stripe.read("/v1/checkout/sessions", &query)?;
    Ok(sessions.data.into_iter().find(|session| session.status == "open").map(|session| session.id))
}
