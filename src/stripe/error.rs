//! What can go wrong between us and Stripe, and what to tell the merchant.
//!
//! 401 is a dead key. 403 is a living key that lacks a permission. No answer, 429 and 5xx mean
//! that Stripe was not reached, and never that the key is bad.

use super::json::{Fields as _, parse};
use crate::bindings::brain_studio::payments::http::{Failure, FailureKind};
use crate::bindings::brain_studio::payments::types::{Problem, ProviderError};
use crate::permissions::permission_missing;
use crate::problem::problem;

const TRY_AGAIN: &[&str] = &["Wait a minute and try again. Nothing was changed in Stripe."];
const REPEAT_SAFELY: &[&str] = &[
    "Repeat it with the same reference: that is safe, it never charges twice.",
    "If it keeps failing, look in Stripe's Dashboard whether it has happened.",
];

/// Why a call to Stripe has no result.
#[derive(Debug)]
pub enum Error {
    /// The host does not allow the request.
    Denied(String),
    /// Stripe was not reached, is too busy or down. Nothing happened.
    Unavailable(Problem),
    /// It was sent and the answer is not known. It may have happened.
    UnknownOutcome,
    /// The idempotency key was used with another request.
    KeySpent,
    /// Stripe repeats a failure of its own that it stored for the idempotency key.
    ReplayedFailure,
    /// The key is dead.
    KeyRejected {
        /// Whether it has expired, rather than never been right.
        expired: bool,
    },
    /// The key may not do this.
    PermissionMissing {
        /// Stripe's name of the permission, as far as it says.
        permission: Option<String>,
        /// The account, as far as the refusal says.
        account: Option<String>,
    },
    /// There is no such object in this mode and account.
    NotFound(String),
    /// Stripe said no.
    Refused {
        /// Stripe's code, if it gives one.
        code: Option<String>,
        /// Stripe's sentence.
        message: String,
    },
    /// The answer makes no sense, and nothing has changed.
    Unreadable,
}

impl Error {
    /// The host brought no answer.
    pub fn from_failure(failure: Failure, changes_something: bool) -> Self {
        if failure.request_sent && changes_something {
            return Self::UnknownOutcome;
        }
        match failure.kind {
            FailureKind::Denied | FailureKind::LimitReached => Self::Denied(failure.message),
            FailureKind::TimedOut => Self::Unavailable(problem(
                "provider-timeout",
                "Stripe did not answer in time.",
                TRY_AGAIN,
            )),
            FailureKind::Unauthorized => Self::KeyRejected { expired: false },
            FailureKind::TooLarge => Self::Unreadable,
            FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::Other => {
                Self::Unavailable(problem(
                    "provider-unreachable",
                    "Stripe could not be reached. This says nothing about your key.",
                    TRY_AGAIN,
                ))
            }
        }
    }

    /// Stripe answered with something else than success.
    pub fn from_answer(
        status: u16,
        is_replayed: bool,
        body: &[u8],
        changes_something: bool,
    ) -> Self {
        let body = parse(body).unwrap_or_default();
        let error = body.field("error");
        let message = error.string("message").unwrap_or_default();
        match status {
            401 => Self::KeyRejected { expired: error.str("code") == Some("api_key_expired") },
            403 => Self::PermissionMissing {
                permission: word_that_begins(&message, "rak_"),
                account: word_that_begins(&message, "acct_"),
            },
            404 => Self::NotFound(message),
            // The same idempotency key is at work at this moment: that one may succeed.
            409 if changes_something => Self::UnknownOutcome,
            409 | 424 | 429 => Self::Unavailable(problem(
                "provider-busy",
                "Stripe is receiving too many requests at the moment.",
                TRY_AGAIN,
            )),
            400 if error.str("type") == Some("idempotency_error") => Self::KeySpent,
            400..=499 => Self::Refused {
                code: error.string("decline_code").or_else(|| error.string("code")),
                message,
            },
            _ if changes_something && is_replayed => Self::ReplayedFailure,
            // A 500 may come after the effect.
            _ if changes_something => Self::UnknownOutcome,
            _ => Self::Unavailable(problem(
                "provider-error",
                "Stripe has a problem of its own at the moment.",
                TRY_AGAIN,
            )),
        }
    }

    /// A success whose body is not what it should be.
    pub fn unreadable(changes_something: bool) -> Self {
        if changes_something { Self::UnknownOutcome } else { Self::Unreadable }
    }
}

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
                said("Stripe does not know it in this mode and account", &message),
                &[
                    "Check that it belongs to the account and the mode (test or live) of the installed key.",
                ],
            )),
            Error::Refused { code, message } => Self::Refused(problem(
                code.as_deref().unwrap_or("provider-refused"),
                said("Stripe has refused this", &message),
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

/// The key is dead.
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

fn said(sentence: &str, stripes_words: &str) -> String {
    if stripes_words.is_empty() {
        format!("{sentence}.")
    } else {
        format!("{sentence}: {stripes_words}")
    }
}

/// The first word of Stripe's sentence that begins so: `'rak_webhook_write'` or `acct_1Habc`.
fn word_that_begins(sentence: &str, prefix: &str) -> Option<String> {
    sentence
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find(|word| word.starts_with(prefix) && word.len() > prefix.len())
        .map(str::to_owned)
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
                ProviderError::from(Error::from_answer(status, false, body.as_bytes(), true));
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

    #[test]
    fn a_missing_permission_is_named() {
        let sentence = "on account 'acct_1H'. Having the 'rak_webhook_write' permission would";
        assert_eq!(word_that_begins(sentence, "rak_").as_deref(), Some("rak_webhook_write"));
        assert_eq!(word_that_begins(sentence, "acct_").as_deref(), Some("acct_1H"));
        assert_eq!(word_that_begins("a 'rak_' b", "rak_"), None);
    }

    #[test]
    fn asking_again_is_never_an_unknown_outcome() {
        for is_replayed in [false, true] {
            let error = Error::from_answer(503, is_replayed, b"", false);
            assert!(matches!(error, Error::Unavailable(_)));
        }
    }

    #[test]
    fn replayed_failure_is_told_from_a_new_one() {
        let error = |is_replayed| Error::from_answer(500, is_replayed, b"", true);
        assert!(matches!(error(true), Error::ReplayedFailure));
        assert!(matches!(error(false), Error::UnknownOutcome));
    }
}
