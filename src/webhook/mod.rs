//! Webhook deliveries. The signature is checked first, then the age, and only then the body.

mod event;
mod identity;
#[cfg(test)]
mod messages;
mod signature;

pub use identity::identify;
pub use signature::SIGNATURE_HEADER;

use crate::bindings::brain_studio::payments::types::{
    Context, Installation, PaymentHint, WebhookError, WebhookOutcome, WebhookRequest,
};
use signature::SignatureError;

/// Verifies a delivery and reads its event. It sends no request.
///
/// Without a signing secret a delivery is a hint: the host reads the payment that it names.
///
/// # Errors
///
/// `unverified` if no secret made the signature; `refused` if the delivery is not genuine for another
/// reason, or its body is not an event that can be read. The problem's code says why.
pub fn handle(
    context: Context,
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    let secrets = &installation.webhook.signing_secrets;
    if secrets.is_empty()
        && let identity = identify(request)
        && let Some(payment) = identity.payment
    {
        return Ok(WebhookOutcome::Hint(PaymentHint { payment, mode: identity.mode }));
    }
    signature::verify(secrets, request, context.now).map_err(|why| match why {
        SignatureError::Mismatch => WebhookError::Unverified(why.problem()),
        _ => WebhookError::Refused(why.problem()),
    })?;
    event::read(installation, &request.body).map_err(|why| WebhookError::Refused(why.problem()))
}
