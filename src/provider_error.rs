//! What an error of Stripe's API means for the merchant.

use crate::bindings::brain_studio::payments::types::{Problem, ProviderError};
use crate::permissions::permission_missing;
use crate::problem::problem;
use crate::stripe::{Error, TRY_AGAIN};

const REPEAT_SAFELY: &[&str] = &[
    "Repeat it with the same reference: that is safe, it never charges twice.",
    "If it keeps failing, look in Stripe's Dashboard whether it has happened.",
];

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(message) => Self::Other(problem(
                "call-denied",
                format!("The marketplace did not allow a call to Stripe: {message}"),
                &["Tell the marketplace's support: this is not something that you can change."],
            )),
            Error::Unavailable(problem) => Self::Unavailable(problem),
            Error::UnknownOutcome => Self::UnknownOutcome(problem(
                "outcome-unknown",
                "The request was sent to Stripe and no answer came, so it is not known whether it has happened.",
                REPEAT_SAFELY,
            )),
            Error::KeySpent => Self::KeySpent(problem(
                "reference-used",
                "Stripe has refused this: This reference was used before, for another payment.",
                &["Change what Stripe objects to, and try again."],
            )),
            Error::ReplayedFailure => Self::ReplayedFailure(problem(
                "outcome-replayed",
                "Stripe had a problem of its own with this request and repeats its answer, so it is not known whether it has happened.",
                &[
                    "Look in Stripe's Dashboard whether it has happened, before you ask for it in another way.",
                ],
            )),
            Error::KeyRejected { expired } => Self::InvalidCredentials(key_rejected(expired)),
            Error::PermissionMissing { permission, .. } => {
                permission_missing(permission.as_deref())
            }
            Error::NotFound(message) => Self::NotFound(problem(
                "payment-not-found",
                with_stripes_message("Stripe does not know it in this mode and account", &message),
                &[
                    "Check that it belongs to the account and the mode (test or live) of the installed key.",
                ],
            )),
            Error::UnknownRequest(request) => Self::Refused(problem(
                "provider-request-unknown",
                format!("What answers in Stripe's place does not know the request {request}."),
                &["Tell the marketplace's support: this is not something that you can change."],
            )),
            Error::Refused { code, message } => Self::Refused(problem(
                code.as_deref().unwrap_or("provider-refused"),
                with_stripes_message("Stripe has refused this", &message),
                &["Change what Stripe objects to, and try again."],
            )),
            Error::Unreadable => Self::Other(problem(
                "provider-answer-unreadable",
                "Stripe's answer could not be understood.",
                TRY_AGAIN,
            )),
        }
    }
}

/// The problem of a key that Stripe does not accept.
pub fn key_rejected(expired: bool) -> Problem {
    let (code, message) = if expired {
        ("key-expired", "This API Key has expired.")
    } else {
        (
            "key-rejected",
            "Stripe does not accept this API Key. It may have been deleted, replaced or copied only in part.",
        )
    };
    problem(
        code,
        message,
        &[
            "In Stripe, open Developers → API Keys.",
            "Copy the Secret key, or create a new one.",
            "Install again with that key.",
        ],
    )
}

fn with_stripes_message(sentence: &str, message: &str) -> String {
    if message.is_empty() { format!("{sentence}.") } else { format!("{sentence}: {message}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let body = |text: &str| {
            format!(r#"{{"error":{{"type":"invalid_request_error","message":"{text}"}}}}"#)
        };
        let missing = body(
            "The provided key 'rk_test_****abcdef' does not have the required permissions for this endpoint on account 'acct_1H'. Having the 'rak_webhook_write' permission would allow this request to continue.",
        );
        let rows = [
            (401, body("Invalid API Key provided: sk_test_****abcd"), "key-rejected"),
            (401, r#"{"error":{"code":"api_key_expired"}}"#.to_owned(), "key-expired"),
            (403, missing, "permission-missing"),
            (404, body("No such payment_intent: 'pi_x'"), "payment-not-found"),
            (429, String::new(), "provider-busy"),
            (400, body("Invalid currency"), "provider-refused"),
            (400, r#"{"error":{"type":"idempotency_error"}}"#.to_owned(), "reference-used"),
            (500, "<html>".to_owned(), "outcome-unknown"),
        ];
        for (status, body, code) in rows {
            let error =
                ProviderError::from(Error::from_response(status, false, body.as_bytes(), true));
            let (ProviderError::InvalidCredentials(problem)
            | ProviderError::PermissionMissing(problem)
            | ProviderError::NotFound(problem)
            | ProviderError::Refused(problem)
            | ProviderError::Unavailable(problem)
            | ProviderError::UnknownOutcome(problem)
            | ProviderError::KeySpent(problem)
            | ProviderError::ReplayedFailure(problem)
            | ProviderError::Other(problem)) = error;
            assert_eq!(problem.code, code, "{status}");
        }
    }
}
