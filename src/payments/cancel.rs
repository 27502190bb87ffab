//! Making sure that a payment can never be paid.

use super::get;
use crate::bindings::brain_studio::payments::types::{
    Installation, Payment, PaymentStatus, ProviderError,
};
use crate::problem::problem;
use crate::stripe::{CheckoutSession, Client, Error, List, Params};

/// Cancels a payment. Already canceled is success, already paid is a refusal. While its page is
/// open, Stripe lets only the page be closed, and cancels the PaymentIntent with it.
pub fn cancel(
    stripe: &Client,
    installation: &Installation,
    id: &str,
) -> Result<Payment, ProviderError> {
    let payment = get(stripe, installation, id)?;
    if is_over(&payment)? {
        return Ok(payment);
    }
    if let Some(page) = page_of(stripe, &payment)? {
        attempt(stripe, &format!("/v1/checkout/sessions/{page}/expire"))?;
    }
    let payment = get(stripe, installation, id)?;
    if is_over(&payment)? {
        return Ok(payment);
    }
    if payment.id.starts_with("pi_") {
        attempt(stripe, &format!("/v1/payment_intents/{}/cancel", payment.id))?;
    }
    let payment = get(stripe, installation, id)?;
    if is_over(&payment)? {
        return Ok(payment);
    }
    Err(ProviderError::Refused(problem(
        "payment-not-cancelable",
        "Stripe is working on this payment and does not let it be canceled now.",
        &["Wait until it is decided. If it is paid, give the money back with a refund."],
    )))
}

/// Whether it is canceled. One that is paid is beyond it.
fn is_over(payment: &Payment) -> Result<bool, ProviderError> {
    if payment.status == PaymentStatus::Approved {
        return Err(ProviderError::Refused(problem(
            "payment-already-paid",
            "This payment has been paid, so it cannot be canceled.",
            &["To give the money back, make a refund."],
        )));
    }
    Ok(payment.status == PaymentStatus::Canceled)
}

/// What Stripe refuses is looked at afterwards: the customer may have been faster.
fn attempt(stripe: &Client, path: &str) -> Result<(), Error> {
    match stripe.post(path, &Params::new(), None) {
        Ok(_) | Err(Error::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The page of a payment, if it is open.
fn page_of(stripe: &Client, payment: &Payment) -> Result<Option<String>, Error> {
    if let Some(page) = payment.aliases.iter().find(|alias| alias.starts_with("cs_")) {
        return Ok(Some(page.clone()));
    }
    let query = Params::new().with("payment_intent", &payment.id).with("limit", "1");
    let pages: List<CheckoutSession> = stripe.read("/v1/checkout/sessions", &query)?;
    Ok(pages.data.into_iter().find(|page| page.status == "open").map(|page| page.id))
}
