//! References: a flow's names for its payments and refunds.

use crate::bindings::brain_studio::payments::types::ProviderError;
use crate::problem::problem;

/// In characters. Source: the contract, and Stripe's documentation of `client_reference_id`.
const LONGEST_REFERENCE: usize = 200;

/// Refuses a reference that the contract does not allow.
pub fn check_reference(reference: &str) -> Result<(), ProviderError> {
    let length = reference.chars().count();
    if (1..=LONGEST_REFERENCE).contains(&length) && !reference.contains(char::is_control) {
        return Ok(());
    }
    Err(ProviderError::Refused(problem(
        "reference-invalid",
        "A reference must have 1 to 200 printable characters.",
        &["Choose another reference, such as the number of the order."],
    )))
}
