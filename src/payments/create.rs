//! Creating a payment: a Checkout Session in the merchant's own account.

use super::currency::to_stripe;
use super::map::from_session;
use super::reference::check_reference;
use crate::bindings::brain_studio::payments::types::{
    CaptureMethod, Installation, Payment, PaymentRequest, ProviderError,
};
use crate::metadata::tag_payment;
use crate::stripe::{CheckoutSession, Client, Error, Params};

/// Creates the Checkout Session on which the customer pays. The merchant's own account is charged,
/// without an application fee or a transfer.
pub fn create(
    stripe: &Client,
    installation: &Installation,
    request: &PaymentRequest,
) -> Result<Payment, ProviderError> {
    check_reference(&request.reference)?;
    let amount = to_stripe(&request.amount)?.to_string();
    let description = request.description.as_ref().unwrap_or(&request.reference);
    let mut params = Params::new()
        .with("mode", "payment")
        .with("line_items[0][quantity]", "1")
        .with("line_items[0][price_data][currency]", &request.amount.currency)
        .with("line_items[0][price_data][unit_amount]", &amount)
        .with("line_items[0][price_data][product_data][name]", description)
        .with("success_url", &request.success_url)
        .with("client_reference_id", &request.reference);
    if let Some(url) = &request.cancel_url {
        params.add("cancel_url", url);
    }
    if let Some(time) = request.expires_at {
        params.add("expires_at", &time.to_string());
    }
    if request.capture_method == CaptureMethod::Manual {
        params.add("payment_intent_data[capture_method]", "manual");
    }
    tag_payment(&mut params, installation, &request.reference, &request.attempt_id);
    let key = Some(request.idempotency_key.as_str());
    let session: CheckoutSession = stripe.post("/v1/checkout/sessions", &params, key)?.read()?;
    from_session(session, installation).map_err(|_| Error::unreadable(true).into())
}
