//! Errors of Stripe's API.
//!
//! 401: the key is invalid. 403: the key is valid and lacks a permission. No answer, 429 and 5xx: Stripe
//! is unavailable, which says nothing about the key.

use super::json::parse;
use crate::bindings::brain_studio::payments::http::{Failure, FailureKind};
use crate::bindings::brain_studio::payments::types::Problem;
use crate::problem::problem;

/// The remedy for what passes by itself.
pub const TRY_AGAIN: &[&str] = &["Wait a minute and try again. Nothing was changed in Stripe."];
/// The remedy for what no merchant can change.
pub const TELL_SUPPORT: &[&str] =
    &["Tell the marketplace's support: you cannot change this yourself."];

/// Why a request to Stripe failed.
#[derive(Debug)]
pub enum Error {
    /// The host denied the request, with this message.
    Denied(String),
    /// Stripe cannot be reached, is too busy or has failed, or its answer is too large. Nothing was
    /// changed.
    Unavailable(Problem),
    /// The request was sent and has no answer. It may have been carried out.
    UnknownOutcome,
    /// The idempotency key was used with another request.
    KeySpent,
    /// Stripe replays a failure of its own that it stored for the idempotency key.
    ReplayedFailure,
    /// Stripe does not accept the key.
    KeyRejected {
        /// Whether the key was valid and has expired.
        expired: bool,
    },
    /// The key lacks a permission.
    PermissionMissing {
        /// The permission's name at Stripe. None: Stripe does not name it.
        permission: Option<String>,
        /// The account's id. None: Stripe does not name it.
        account: Option<String>,
    },
    /// There is no such object in this mode and account. Stripe's message.
    NotFound(String),
    /// Stripe has no such method and path. The request: `POST /v1/refunds`.
    UnknownRequest(String),
    /// Stripe refused the request.
    Refused {
        /// Stripe's error code, if it gives one.
        code: Option<String>,
        /// Stripe's error message.
        message: String,
    },
    /// The answer cannot be read. Nothing was changed.
    Unreadable,
}

impl Error {
    /// The error for a request that has no answer.
    pub fn from_failure(failure: Failure, is_write: bool) -> Self {
        if failure.request_sent && is_write {
            return Self::UnknownOutcome;
        }
        match failure.kind {
            FailureKind::Denied => Self::Denied(failure.message),
            FailureKind::LimitReached => Self::Unavailable(problem(
                "provider-busy",
                "The marketplace is sending too many requests at the moment, so Stripe was not asked.",
                TRY_AGAIN,
            )),
            FailureKind::TimedOut => Self::Unavailable(problem(
                "provider-timeout",
                "Stripe did not answer in time.",
                TRY_AGAIN,
            )),
            FailureKind::Unauthorized => Self::KeyRejected { expired: false },
            FailureKind::TooLarge => Self::Unavailable(problem(
                "provider-answer-too-large",
                "Stripe's answer was too large.",
                TELL_SUPPORT,
            )),
            FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::Other => {
                Self::Unavailable(problem(
                    "provider-unreachable",
                    "Stripe could not be reached. This says nothing about your key.",
                    TRY_AGAIN,
                ))
            }
        }
    }

    /// Whether the body of a 404 answer says that an object is missing, and not that the request is
    /// unknown.
    pub fn is_missing_object(body: &[u8]) -> bool {
        let body = parse(body).unwrap_or_default();
        body.root().field("error").str("code") == Some("resource_missing")
    }

    /// The error for an answer with a status other than 2xx.
    pub fn from_response(status: u16, is_replayed: bool, body: &[u8], is_write: bool) -> Self {
        let body = parse(body).unwrap_or_default();
        let error = body.root().field("error");
        let message = error.string("message").unwrap_or_default();
        match status {
            401 => Self::KeyRejected { expired: error.str("code") == Some("api_key_expired") },
            403 => Self::PermissionMissing {
                permission: word_with_prefix(&message, "rak_"),
                account: word_with_prefix(&message, "acct_"),
            },
            404 => Self::NotFound(message),
            // A parallel request with the same idempotency key is running, and may succeed.
            409 if is_write => Self::UnknownOutcome,
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
            _ if is_write && is_replayed => Self::ReplayedFailure,
            // A 500 may be answered after the change was made.
            _ if is_write => Self::UnknownOutcome,
            _ => Self::Unavailable(problem(
                "provider-error",
                "Stripe has a problem of its own at the moment.",
                TRY_AGAIN,
            )),
        }
    }

    /// The error for a 2xx answer whose body cannot be read.
    pub fn unreadable(is_write: bool) -> Self {
        if is_write { Self::UnknownOutcome } else { Self::Unreadable }
    }
}

/// The first word of Stripe's message with this prefix, such as `rak_webhook_write` or `acct_1Habc`.
fn word_with_prefix(sentence: &str, prefix: &str) -> Option<String> {
    sentence
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find(|word| word.starts_with(prefix) && word.len() > prefix.len())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_named() {
        let sentence = "on account 'acct_1H'. Having the 'rak_webhook_write' permission would";
        assert_eq!(word_with_prefix(sentence, "rak_").as_deref(), Some("rak_webhook_write"));
        assert_eq!(word_with_prefix(sentence, "acct_").as_deref(), Some("acct_1H"));
        assert_eq!(word_with_prefix("a 'rak_' b", "rak_"), None);
    }

    #[test]
    fn answer_that_is_too_large_has_its_own_code() {
        let failure =
            || Failure { kind: FailureKind::TooLarge, message: String::new(), request_sent: true };
        let Error::Unavailable(problem) = Error::from_failure(failure(), false) else { panic!() };
        assert_eq!(problem.code, "provider-answer-too-large");
        assert_eq!(problem.message, "Stripe's answer was too large.");
        assert_eq!(problem.remedy, TELL_SUPPORT);
        assert!(matches!(Error::from_failure(failure(), true), Error::UnknownOutcome));
    }

    #[test]
    fn limit_of_the_marketplace_passes_unless_the_request_was_sent() {
        for (request_sent, is_write, is_unknown) in
            [(false, false, false), (false, true, false), (true, false, false), (true, true, true)]
        {
            let kind = FailureKind::LimitReached;
            let failure = Failure { kind, message: String::new(), request_sent };
            match Error::from_failure(failure, is_write) {
                Error::Unavailable(problem) => {
                    assert!(!is_unknown);
                    assert_eq!(problem.code, "provider-busy");
                    assert_eq!(problem.remedy, TRY_AGAIN);
                }
                error => assert!(is_unknown && matches!(error, Error::UnknownOutcome)),
            }
        }
    }

    #[test]
    fn asking_again_is_never_an_unknown_outcome() {
        for is_replayed in [false, true] {
            let error = Error::from_response(503, is_replayed, b"", false);
            assert!(matches!(error, Error::Unavailable(_)));
        }
    }

    #[test]
    fn replayed_failure_is_told_from_a_new_one() {
        let error = |is_replayed| Error::from_response(500, is_replayed, b"", true);
        assert!(matches!(error(true), Error::ReplayedFailure));
        assert!(matches!(error(false), Error::UnknownOutcome));
    }
}
