//! The signing secrets that an installation keeps. Old ones are kept for a while, because deliveries that
//! were signed with them may still be on their way.

/// The secret that Stripe gave for the endpoint, and two that the merchant may have rolled it to: the new
/// one, and the one before, with which Stripe signs for another day.
const MAXIMUM_SECRETS: usize = 3;

/// Adds a secret that the merchant gave. The first secret stays first, because Stripe itself gave it.
pub fn with_given(given: &str, mut secrets: Vec<String>) -> Vec<String> {
    if !secrets.iter().any(|secret| secret == given) {
        secrets.insert(secrets.len().min(1), given.to_owned());
        secrets.truncate(MAXIMUM_SECRETS);
    }
    secrets
}

/// Puts the secret of a new endpoint before the known ones.
pub fn with_new(new: String, mut secrets: Vec<String>) -> Vec<String> {
    secrets.insert(0, new);
    secrets.truncate(MAXIMUM_SECRETS);
    secrets
}
