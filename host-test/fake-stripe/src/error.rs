//! Stripe's error answers. The messages are Stripe's, as far as they are known.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};

use crate::test_cards::{Decline, doc_url};

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
            error.insert("doc_url".to_owned(), doc_url(code).into());
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

    /// With the page of the Dashboard that shows the request: for an error after the key was accepted.
    pub fn logged(mut self, request_id: &str, livemode: bool) -> Self {
        let mode = if livemode { "" } else { "test/" };
        let url = format!("https://dashboard.stripe.com/{mode}logs/{request_id}");
        self.error.insert("request_log_url".to_owned(), url.into());
        self
    }

    /// Whether it is the answer to a request that was carried out: Stripe repeats it for the same
    /// idempotency key. Other errors of a request are found before.
    pub fn was_carried_out(&self) -> bool {
        self.status == StatusCode::PAYMENT_REQUIRED
    }

    /// A card was declined. `intent`: the PaymentIntent afterwards.
    pub fn declined(decline: Decline, intent: Value) -> Self {
        let mut error = match decline.json() {
            Value::Object(error) => error,
            _ => Map::new(),
        };
        if let Some(last) = intent.get("last_payment_error") {
            for field in ["charge", "payment_method"] {
                error.insert(field.to_owned(), last.get(field).cloned().unwrap_or_default());
            }
        }
        error.insert("payment_intent".to_owned(), intent);
        Self { status: StatusCode::PAYMENT_REQUIRED, error }
    }

    /// A field of the error that is a text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.error.get(field)?.as_str()
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

    /// The object before or after which a page begins does not exist.
    pub fn unknown_cursor(parameter: &str, object: &str, id: &str) -> Self {
        Self::resource_missing(object, id).about(parameter)
    }

    /// There is no such test card.
    pub fn unknown_payment_method(id: &str) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("resource_missing"),
            &format!("No such PaymentMethod: '{id}'"),
        )
        .about("payment_method")
    }

    pub fn cannot_expand(path: &str) -> Self {
        Self::invalid(&format!("This property cannot be expanded ({path})."))
    }

    pub fn expanded_too_deep(path: &str) -> Self {
        Self::invalid(&format!(
            "You cannot expand more than 4 levels of a property. Property: {path}"
        ))
    }

    /// A parameter has a value that is not among those that are allowed.
    pub fn invalid_choice(name: &str, value: &str, allowed: &[&str]) -> Self {
        let allowed = allowed.join(", ");
        Self::invalid(&format!("Invalid {name}: must be one of {allowed}. It is {value}."))
            .about(name)
    }

    pub fn invalid_currency(parameter: &str, code: &str) -> Self {
        Self::invalid(&format!("Invalid currency: {code}.")).about(parameter)
    }

    /// An amount is below the smallest that can be charged.
    pub fn amount_too_small() -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("amount_too_small"),
            "Amount must be at least $0.50 usd",
        )
        .about("amount")
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

    /// A PaymentIntent is confirmed, and nobody has said with which card.
    pub fn missing_payment_method() -> Self {
        Self::unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
        )
    }

    /// More is captured than was authorised.
    pub fn amount_too_large(authorised: u64) -> Self {
        Self::invalid_request(
            StatusCode::BAD_REQUEST,
            Some("amount_too_large"),
            &format!(
                "The amount to capture must be between 1 and the capturable amount ({authorised})."
            ),
        )
        .about("amount_to_capture")
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

    /// More is refunded than is left.
    pub fn refund_too_large(amount: u64, left: u64) -> Self {
        Self::invalid(&format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        ))
        .about("amount")
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
