//! Creating a payment: a Checkout Session in the merchant's own account.

use super::currency::to_stripe;
use super::map::from_session;
use crate::bindings::brain_studio::payments::types::{
    CaptureMethod, Installation, Payment, PaymentRequest, ProviderError,
};
use crate::metadata::tag_payment;
use crate::problem::problem;
use crate::stripe::{CheckoutSession, Client, Error, Params};

/// The contract's, and Stripe's for `client_reference_id`.
const LONGEST_REFERENCE: usize = 200;

/// Creates the page on which the customer pays. The charge goes to the merchant's own account and
/// nowhere else: no fee, no transfer.
pub fn create(
    stripe: &Client,
    installation: &Installation,
    request: &PaymentRequest,
) -> Result<Payment, ProviderError> {
    check_reference(&request.reference)?;
    let amount = to_stripe(&request.amount)?.to_string();
    let description = request.description.as_ref().unwrap_or(&request.reference);
    let mut form = Params::new()
        .with("mode", "payment")
        .with("line_items[0][quantity]", "1")
        .with("line_items[0][price_data][currency]", &request.amount.currency)
        .with("line_items[0][price_data][unit_amount]", &amount)
        .with("line_items[0][price_data][product_data][name]", description)
        .with("success_url", &request.success_url)
        .with("client_reference_id", &request.reference);
    if let Some(url) = &request.cancel_url {
        form.add("cancel_url", url);
    }
    if let Some(time) = request.expires_at {
        form.add("expires_at", &time.to_string());
    }
    if request.capture_method == CaptureMethod::Manual {
        form.add("payment_intent_data[capture_method]", "manual");
    }
    tag_payment(&mut form, installation, &request.reference, &request.attempt_id);
    let key = Some(request.idempotency_key.as_str());
    let session: CheckoutSession = stripe.post("/v1/checkout/sessions", &form, key)?.read()?;
    from_session(session, installation).map_err(|_| Error::unreadable(true).into())
}

/// A reference of the contract's: of a payment, or of a refund.
pub fn check_reference(reference: &str) -> Result<(), ProviderError> {
    let length = reference.chars().count();
    if (1..=LONGEST_REFERENCE).contains(&length) && !reference.contains(char::is_control) {
        return Ok(());
    }
    Err(ProviderError::Refused(problem(
        "reference-invalid",
        "A reference must have 1 to 200 printable characters.",
        &["Choose a shorter reference, such as the number of the order."],
    )))
}
