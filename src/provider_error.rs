//! What an error of Stripe's API means for the merchant.

use crate::bindings::brain_studio::payments::types::{Problem, ProviderError};
use crate::permissions::permission_missing;
use crate::problem::problem;
use crate::stripe::{Error, TELL_SUPPORT, TRY_AGAIN};

const REPEAT_SAFELY: &[&str] = &[
    "Repeat it with the same reference: that is safe and never charges twice.",
    "If it keeps failing, check in Stripe's Dashboard whether it was carried out.",
];

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(message) => Self::Other(problem(
                "call-denied",
                format!("The marketplace did not allow a request to Stripe: {message}"),
                TELL_SUPPORT,
            )),
            Error::Unavailable(problem) => Self::Unavailable(problem),
            Error::UnknownOutcome => Self::UnknownOutcome(problem(
                "outcome-unknown",
                "The request was sent to Stripe and no answer came. It may have been carried out.",
                REPEAT_SAFELY,
            )),
            Error::KeySpent => Self::KeySpent(problem(
                "reference-used",
                "Stripe refused the request: this reference was used before, for another payment.",
                &["Change the request as Stripe says, and try again."],
            )),
            Error::ReplayedFailure => Self::ReplayedFailure(problem(
                "outcome-replayed",
                "Stripe had an internal error with this request and repeats its answer. The request may have been carried out.",
                &[
                    "Check in Stripe's Dashboard whether it was carried out, before you try it in another way.",
                ],
            )),
            Error::KeyRejected { expired } => Self::InvalidCredentials(key_rejected(expired)),
            Error::PermissionMissing { permission, .. } => {
                permission_missing(permission.as_deref())
            }
            Error::NotFound(message) => Self::NotFound(problem(
                "payment-not-found",
                with_stripes_message("Stripe does not have it in this mode and account", &message),
                &[
                    "Check that it belongs to the account and the mode (test or live) of the installed key.",
                ],
            )),
            Error::UnknownRequest(request) => Self::Refused(unknown_request(&request)),
            Error::Refused { code, message } => Self::Refused(problem(
                code.as_deref().unwrap_or("provider-refused"),
                with_stripes_message("Stripe refused the request", &message),
                &["Change the request as Stripe says, and try again."],
            )),
            Error::Unreadable => Self::Other(problem(
                "provider-answer-unreadable",
                "Stripe's answer could not be read.",
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
            "Stripe does not accept this API Key. It may have been deleted, replaced or not copied completely.",
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

/// The problem of a request that the API does not have. The server may not be Stripe's.
pub fn unknown_request(request: &str) -> Problem {
    problem(
        "provider-request-unknown",
        format!("The server that answered for Stripe does not know the request {request}."),
        TELL_SUPPORT,
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
