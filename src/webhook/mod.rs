//! Deliveries: signature first, then age, and only then the body.

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
use signature::SignatureProblem;

/// Verifies a delivery and says what it means for the installation. It asks nobody.
///
/// Without a signing secret a delivery is a hint: it says which payment to ask about.
///
/// # Errors
///
/// `unverified` where no secret made the signature; `refused` with a code that says why the delivery
/// is not genuine or not understood.
pub fn handle(
    context: Context,
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    let secrets = &installation.webhook.signing_secrets;
    if secrets.is_empty()
        && let named = identify(request)
        && let Some(payment) = named.payment
    {
        return Ok(WebhookOutcome::Hint(PaymentHint { payment, mode: named.mode }));
    }
    signature::verify(secrets, request, context.now).map_err(|why| match why {
        SignatureProblem::Mismatch => WebhookError::Unverified(why.problem()),
        _ => WebhookError::Refused(why.problem()),
    })?;
    event::read(installation, &request.body).map_err(|why| WebhookError::Refused(why.problem()))
}
