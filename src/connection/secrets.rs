//! Which signing secrets are kept: deliveries of an old one may still be on their way.

/// The endpoint's own, and the two that a merchant may have rolled it to: the new one and the one
/// before, which Stripe signs with for another day.
const SECRETS_KEPT: usize = 3;

/// The known secrets with one that the merchant gives. The first stays first: it is the one that
/// Stripe itself has said.
pub fn added(given: &str, mut secrets: Vec<String>) -> Vec<String> {
    if !secrets.iter().any(|secret| secret == given) {
        secrets.insert(secrets.len().min(1), given.to_owned());
        secrets.truncate(SECRETS_KEPT);
    }
    secrets
}

/// The secret of a new endpoint with the known ones.
pub fn renewed(new: String, mut secrets: Vec<String>) -> Vec<String> {
    secrets.insert(0, new);
    secrets.truncate(SECRETS_KEPT);
    secrets
}
