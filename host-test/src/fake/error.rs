//! Stripe's own refusals.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::json::set;

/// A refusal.
#[derive(Clone)]
pub struct ApiError {
    /// Its HTTP status.
    pub status: StatusCode,
    /// Its body.
    pub body: Value,
}

impl ApiError {
    fn new(status: StatusCode, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = json!({ "type": kind, "message": message });
        if let Some(code) = code {
            set(&mut error, "code", code);
            let page = code.replace('_', "-");
            set(&mut error, "doc_url", format!("https://stripe.com/docs/error-codes/{page}"));
        }
        Self { status, body: json!({ "error": error }) }
    }

    fn invalid_request(status: StatusCode, code: Option<&str>, message: &str) -> Self {
        Self::new(status, "invalid_request_error", code, message)
    }

    /// Names the parameter that it is about.
    fn about(mut self, parameter: &str) -> Self {
        if let Some(error) = self.body.get_mut("error") {
            set(error, "param", parameter);
        }
        self
    }

    pub fn no_key() -> Self {
        Self::invalid_request(
            StatusCode::UNAUTHORIZED,
            None,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
        )
    }

    pub fn wrong_key(masked: &str) -> Self {
        Self::invalid_request(
            StatusCode::UNAUTHORIZED,
            None,
            &format!("Invalid API Key provided: {masked}"),
        )
    }

    pub fn expired_key(masked: &str) -> Self {
        Self::invalid_request(
            StatusCode::UNAUTHORIZED,
            Some("api_key_expired"),
            &format!("Expired API Key provided: {masked}"),
        )
    }

    pub fn publishable_key() -> Self {
        Self::invalid_request(
            StatusCode::FORBIDDEN,
            Some("secret_key_required"),
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
        )
    }

    pub fn permission(masked: &str, account: &str, slug: &str) -> Self {
        Self::invalid_request(
            StatusCode::FORBIDDEN,
            None,
            &format!(
                "The provided key '{masked}' does not have the required permissions for this endpoint on account '{account}'. Having the '{slug}' permission would allow this request to continue."
            ),
        )
    }

    pub fn never_for_restricted_keys(masked: &str) -> Self {
        Self::invalid_request(
            StatusCode::FORBIDDEN,
            None,
            &format!(
                "The provided key '{masked}' does not have the required permissions for this endpoint. This is a restricted API key, but the required permissions are not available for use by restricted keys."
            ),
        )
    }

    pub fn too_many_requests() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "invalid_request_error",
            Some("rate_limit"),
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        )
    }

    pub fn failing() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "api_error",
            None,
            "Sorry! There was an error while talking to one of our backends. Support has been notified.",
        )
    }

    pub fn no_such(object: &str, id: &str) -> Self {
        Self::invalid_request(
            StatusCode::NOT_FOUND,
            Some("resource_missing"),
            &format!("No such {object}: '{id}'"),
        )
        .about(object)
    }

    pub fn no_route(method: &str, path: &str) -> Self {
        Self::invalid_request(
            StatusCode::NOT_FOUND,
            None,
            &format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            ),
        )
    }

    /// The object is beyond it.
    pub fn unexpected_state(message: &str) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("payment_intent_unexpected_state"),
            message,
        )
    }

    pub fn already_refunded(charge: &str) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("charge_already_refunded"),
            &format!("Charge {charge} has already been refunded."),
        )
    }

    pub fn missing_parameter(name: &str) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("parameter_missing"),
            &format!("Missing required param: {name}."),
        )
        .about(name)
    }

    pub fn unknown_parameter(name: &str) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("parameter_unknown"),
            &format!("Received unknown parameter: {name}"),
        )
        .about(name)
    }

    pub fn invalid(message: &str) -> Self {
        Self::invalid_request(StatusCode::BAD_REQUEST, None, message)
    }

    pub fn idempotency() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency_error",
            None,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than the one you used before if you meant to execute a different request.",
        )
    }
}
