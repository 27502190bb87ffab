//! The signing secret of a webhook, where the merchant gives it.

use crate::bindings::brain_studio::payments::types::{InstallRequest, ProviderError};
use crate::manifest::WEBHOOK_SECRET;
use crate::problem::problem;

/// The endpoint's own, and the two that a merchant may have rolled it to: the new one and the one
/// before, which signs for another day.
const KEPT: usize = 3;

/// The signing secret that was given, if one was. Anything else is refused by what it is.
pub fn given(request: &InstallRequest) -> Result<Option<&str>, ProviderError> {
    let mut credentials = request.credentials.iter();
    let Some(given) = credentials.find(|credential| credential.name == WEBHOOK_SECRET) else {
        return Ok(None);
    };
    let secret = given.value.trim();
    let is = if secret.is_empty() {
        "only white space"
    } else if secret.contains(char::is_whitespace) {
        "text with white space inside"
    } else if secret.contains(['.', '…', '•', '*']) {
        "only the shortened form of one"
    } else if ["sk_", "rk_", "pk_"].iter().any(|prefix| secret.starts_with(prefix)) {
        "an API key"
    } else if secret.starts_with("we_") {
        "the id of a webhook endpoint"
    } else if secret.len() <= "whsec_".len() || !secret.starts_with("whsec_") {
        "something else"
    } else {
        return Ok(Some(secret));
    };
    Err(ProviderError::InvalidCredentials(problem(
        "webhook-secret-malformed",
        format!("The signing secret of a webhook starts with whsec_, and this is {is}."),
        &[
            "In Stripe, open Workbench → Webhooks and choose your endpoint.",
            "Reveal its signing secret (whsec_…) and paste it whole. Or leave it out.",
        ],
    )))
}

/// The secrets that are known, with one that the merchant gives. The first stays first, whatever is
/// given: it is the one that Stripe itself has said.
pub fn added(given: &str, mut secrets: Vec<String>) -> Vec<String> {
    if !secrets.iter().any(|secret| secret == given) {
        secrets.insert(secrets.len().min(1), given.to_owned());
        secrets.truncate(KEPT);
    }
    secrets
}

/// The secret of a new endpoint, and those that are known: what an old one has sent may still be on
/// its way.
pub fn renewed(new: String, mut secrets: Vec<String>) -> Vec<String> {
    secrets.insert(0, new);
    secrets.truncate(KEPT);
    secrets
}
