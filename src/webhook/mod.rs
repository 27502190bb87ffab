//! Deliveries: signature first, then age, and only then the body.

mod event;
mod peek;
mod signature;

pub use peek::{INSTALLATION_PARAMETER, peek};
pub use signature::SIGNATURE_HEADER;

use crate::bindings::brain_studio::payments::types::{
    Installation, WebhookError, WebhookOutcome, WebhookRequest,
};

/// Verifies a delivery and says what it means for the installation. It asks nobody.
///
/// # Errors
///
/// `refused`, with a code that says why the delivery is not genuine or not understood.
pub fn handle(
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    signature::verify(&installation.webhook.signing_secrets, request)
        .map_err(|why| WebhookError::Refused(why.problem()))?;
    event::read(installation, &request.body).map_err(|why| WebhookError::Refused(why.problem()))
}
