//! Andes Pay's API: its requests, its ids, and what its errors mean for a merchant.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::brain_studio::payments::http::{
    self, Failure, FailureKind, Request, Response,
};
use crate::bindings::brain_studio::payments::types::{Mode, Problem, ProviderError};

/// The host of test mode.
pub const SANDBOX: &str = "https://api.sandbox.andespay.example";
/// The host of live mode.
pub const LIVE: &str = "https://api.andespay.example";
/// The longest id, in characters. Made up: take your provider's.
const LONGEST_ID: usize = 64;

const TRY_AGAIN: &str = "Wait a minute and try again.";

/// A problem with a remedy of one step. The host writes the provider's name before each sentence.
pub fn problem(code: &str, message: impl Into<String>, step: &str) -> Problem {
    Problem { code: code.to_owned(), message: message.into(), remedy: vec![step.to_owned()] }
}

/// A refusal: nothing happened.
pub fn refused(code: &str, message: &str, step: &str) -> ProviderError {
    ProviderError::Refused(problem(code, message, step))
}

/// An id or a token that may become a part of a URL. Others are never sent: `../` or a line break could turn a
/// request into another one.
pub fn is_id(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Refuses a reference that the contract does not allow: it has 1 to 200 printable characters.
pub fn check_reference(reference: &str) -> Result<(), ProviderError> {
    let length = reference.chars().count();
    if (1..=200).contains(&length) && !reference.contains(char::is_control) {
        return Ok(());
    }
    Err(refused(
        "reference-invalid",
        "A reference must have 1 to 200 printable characters.",
        "Choose another reference, such as the number of the order.",
    ))
}

/// Reads an object.
pub fn read<T: DeserializeOwned>(mode: Mode, path: &str) -> Result<T, ProviderError> {
    send(mode, "GET", path, None, None)
}

/// Sends a change. With an idempotency key Andes Pay carries it out once, however often it is sent.
pub fn write<T: DeserializeOwned>(
    mode: Mode,
    path: &str,
    body: &Value,
    idempotency_key: Option<&str>,
) -> Result<T, ProviderError> {
    send(mode, "POST", path, Some(body), idempotency_key)
}

/// The host adds the header `authorization`, as the manifest says.
fn send<T: DeserializeOwned>(
    mode: Mode,
    method: &str,
    path: &str,
    body: Option<&Value>,
    idempotency_key: Option<&str>,
) -> Result<T, ProviderError> {
    let origin = if mode == Mode::Live { LIVE } else { SANDBOX };
    let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    if let Some(key) = idempotency_key {
        headers.push(("idempotency-key".to_owned(), key.to_owned()));
    }
    let request = Request {
        method: method.to_owned(),
        url: format!("{origin}{path}"),
        headers,
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    };
    let is_write = body.is_some();
    match http::send(&[request]).pop() {
        Some(Ok(response)) if (200..300).contains(&response.status) => {
            serde_json::from_slice(&response.body).map_err(|_| unreadable(is_write))
        }
        Some(Ok(response)) => Err(refusal(&response, is_write)),
        Some(Err(failure)) => Err(no_answer(&failure, is_write)),
        None => Err(unreadable(is_write)),
    }
}

/// An error of Andes Pay.
#[derive(Default, Deserialize)]
struct ApiError {
    code: String,
    message: String,
}

/// The error for an answer with another status than 2xx.
fn refusal(response: &Response, is_write: bool) -> ProviderError {
    let error: Option<ApiError> = serde_json::from_slice(&response.body).ok();
    match (response.status, error) {
        (401, _) => ProviderError::InvalidCredentials(key_rejected()),
        (403, error) => ProviderError::PermissionMissing(problem(
            "permission-missing",
            with_message("The token lacks a permission", error.as_ref()),
            "In the dashboard, open Settings → Tokens, and give the token the permissions payments and refunds.",
        )),
        (404, error) => ProviderError::NotFound(problem(
            "payment-not-found",
            with_message("There is no such thing in this mode and store", error.as_ref()),
            "Check that it belongs to the store and the mode (test or live) of the installation.",
        )),
        (409, Some(error)) if error.code == "idempotency_key_reused" => {
            ProviderError::KeySpent(problem(
                "reference-used",
                "The request was refused: it was sent before with other contents.",
                "Use another reference.",
            ))
        }
        (429, _) => ProviderError::Unavailable(problem(
            "provider-busy",
            "There are too many requests at the moment. Nothing was changed.",
            TRY_AGAIN,
        )),
        // The same request is being carried out at this moment.
        (409, Some(error)) if error.code == "in_progress" => outcome_unknown(),
        (400..=499, Some(error)) => ProviderError::Refused(refused_by_provider(&error)),
        // Not an answer of the API, or a failure after which the change may have been made.
        _ if is_write => outcome_unknown(),
        (500..=599, _) => ProviderError::Unavailable(problem(
            "provider-error",
            "The provider has a problem of its own at the moment.",
            TRY_AGAIN,
        )),
        _ => unreadable(false),
    }
}

/// Andes Pay's refusals that the contract has a code for. Any other keeps Andes Pay's code.
fn refused_by_provider(error: &ApiError) -> Problem {
    let (code, step) = match error.code.as_str() {
        "already_paid" => ("payment-already-paid", "To return the money, refund it."),
        "not_paid" => ("payment-not-paid", "Wait until the customer has paid."),
        "not_approved" | "token_invalid" => (
            "payment-not-completable",
            "Complete it with what the customer's browser brought back after approving it.",
        ),
        "already_refunded" => ("payment-already-refunded", "You do not have to do anything."),
        "amount_invalid" => ("amount-invalid", "Give another amount."),
        "currency_invalid" => ("currency-invalid", "Choose another currency."),
        code => {
            let is_code = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let is_usable = code.len() <= 64
                && code.starts_with(|first: char| first.is_ascii_alphanumeric())
                && code.bytes().all(is_code);
            let code = if is_usable { code } else { "provider-refused" };
            (code, "Change the request as the message says, and try again.")
        }
    };
    problem(code, with_message("The request was refused", Some(error)), step)
}

/// The error for a request without an answer. What was not sent had no effect.
fn no_answer(failure: &Failure, is_write: bool) -> ProviderError {
    if failure.request_sent && is_write {
        return outcome_unknown();
    }
    let unavailable =
        |code, message: &str| ProviderError::Unavailable(problem(code, message, TRY_AGAIN));
    match failure.kind {
        FailureKind::Denied => ProviderError::Other(problem(
            "call-denied",
            format!("The marketplace did not allow a request: {}", failure.message),
            "Tell the marketplace's support: you cannot change this yourself.",
        )),
        FailureKind::Unauthorized => ProviderError::InvalidCredentials(key_rejected()),
        FailureKind::LimitReached => unavailable(
            "provider-busy",
            "The marketplace is sending too many requests at the moment, so nothing was sent.",
        ),
        FailureKind::TimedOut => unavailable("provider-timeout", "No answer came in time."),
        FailureKind::TooLarge => {
            unavailable("provider-answer-too-large", "The answer was too large.")
        }
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::Other => {
            unavailable("provider-unreachable", "The provider could not be reached.")
        }
    }
}

/// The error for an answer that cannot be read. A change may have been made all the same.
pub fn unreadable(is_write: bool) -> ProviderError {
    if is_write {
        return outcome_unknown();
    }
    let message = "The answer could not be read.";
    ProviderError::Other(problem("provider-answer-unreadable", message, TRY_AGAIN))
}

fn outcome_unknown() -> ProviderError {
    ProviderError::UnknownOutcome(problem(
        "outcome-unknown",
        "The request was sent and no answer came. It may have been carried out.",
        "Repeat it with the same reference: that is safe and never charges twice.",
    ))
}

fn key_rejected() -> Problem {
    problem(
        "key-rejected",
        "This store id and token are not accepted.",
        "In the dashboard, open Settings → Tokens, copy both again, and install with them.",
    )
}

fn with_message(sentence: &str, error: Option<&ApiError>) -> String {
    match error {
        Some(error) if !error.message.is_empty() => format!("{sentence}: {}", error.message),
        _ => format!("{sentence}."),
    }
}

/// The problem of an error.
pub fn problem_of(error: ProviderError) -> Problem {
    let (ProviderError::InvalidCredentials(problem)
    | ProviderError::PermissionMissing(problem)
    | ProviderError::NotFound(problem)
    | ProviderError::Refused(problem)
    | ProviderError::Unavailable(problem)
    | ProviderError::UnknownOutcome(problem)
    | ProviderError::KeySpent(problem)
    | ProviderError::ReplayedFailure(problem)
    | ProviderError::Other(problem)) = error;
    problem
}
