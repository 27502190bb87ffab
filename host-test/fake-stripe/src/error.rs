//! Stripe's error answers. The messages are Stripe's, as far as they are known.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};

/// An error answer.
#[derive(Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The fields of the error.
    error: Map<String, Value>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}

impl ApiError {
    fn new(status: StatusCode, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = Map::new();
        error.insert("type".to_owned(), kind.into());
        error.insert("message".to_owned(), message.into());
        if let Some(code) = code {
            error.insert("code".to_owned(), code.into());
            let page = code.replace('_', "-");
            let url = format!("https://stripe.com/docs/error-codes/{page}");
            error.insert("doc_url".to_owned(), url.into());
        }
        Self { status, error }
    }

    fn invalid_request(status: StatusCode, code: Option<&str>, message: &str) -> Self {
        Self::new(status, "invalid_request_error", code, message)
    }

    /// With the name of the parameter that it is about.
    fn about(mut self, parameter: &str) -> Self {
        self.error.insert("param".to_owned(), parameter.into());
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

    pub fn permission_missing(masked: &str, account: &str, permission: &str) -> Self {
        Self::invalid_request(
            StatusCode::FORBIDDEN,
            None,
            &format!(
                "The provided key '{masked}' does not have the required permissions for this endpoint on account '{account}'. Having the '{permission}' permission would allow this request to continue."
            ),
        )
    }

    pub fn not_for_restricted_keys(masked: &str) -> Self {
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

    pub fn server_error() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "api_error",
            None,
            "Sorry! There was an error while talking to one of our backends. Support has been notified.",
        )
    }

    pub fn resource_missing(object: &str, id: &str) -> Self {
        Self::invalid_request(
            StatusCode::NOT_FOUND,
            Some("resource_missing"),
            &format!("No such {object}: '{id}'"),
        )
        .about(object)
    }

    pub fn unknown_request(method: &str, path: &str) -> Self {
        Self::invalid_request(
            StatusCode::NOT_FOUND,
            None,
            &format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
            ),
        )
    }

    /// The PaymentIntent has the wrong status for the request.
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

    pub fn idempotency_key_used() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency_error",
            None,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than the one you used before if you meant to execute a different request.",
        )
    }
}
