//! The API: reads the key, carries the request out, answers in Stripe's form.

mod destinations;
pub mod disputes;
mod endpoints;
mod events;
mod intents;
mod keys;
mod list;
mod params;
pub mod refunds;
pub mod sessions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::DATE;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use crate::account::Replay;
use crate::clock::http_date;
use crate::error::ApiError;
use crate::fault::{self, FaultKind};
use crate::lock::lock;
use crate::objects::new_id;
use crate::server::{ApiRequest, Server};
use keys::{Key, key_of};
use params::Params;

/// Answers a request of the API, and says the time.
pub async fn answer(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut response = answer_or_fail(&server, &method, &uri, &headers, &body).await;
    if let Ok(date) = http_date().parse() {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// Answers a request, or fails as the current faults say.
async fn answer_or_fail(
    server: &Server,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let params = if method == Method::POST { body } else { query };
    let request = ApiRequest {
        method: method.to_string(),
        path: uri.path().to_owned(),
        params: url::form_urlencoded::parse(params).into_owned().collect(),
    };
    lock(&server.requests).push(request.clone());
    let fault = lock(&server.faults).next(&request.name());
    let Some(fault) = fault else {
        return carry_out(server, request, headers, body).into_response();
    };
    if fault.has_effect {
        // Nobody receives this answer.
        let _ = carry_out(server, request.clone(), headers, body);
    }
    if fault.kind == FaultKind::FailingForKey
        || fault.kind == FaultKind::Failing && fault.has_effect
    {
        store_failure(server, request, headers, body);
    }
    fault::answer(fault.kind).await
}

/// Stores a failure for the idempotency key, whatever was stored before: Stripe replays its failures.
fn store_failure(server: &Server, request: ApiRequest, headers: &HeaderMap, body: &[u8]) {
    let key = key_of(headers, server.settings().lost_permission);
    if let (Some(idempotency_key), Ok(key)) = (idempotency_key(headers), key) {
        let answer = Err(ApiError::server_error());
        let replay = Replay { request: (request.path, body.to_vec()), answer };
        let mut accounts = server.accounts();
        accounts.state_mut(key.mode).replays.insert(idempotency_key.to_owned(), replay);
    }
}

fn idempotency_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key")?.to_str().ok()
}

/// An answer of the API.
struct Answer {
    result: Result<Value, ApiError>,
    /// Whether it is the stored answer to an idempotency key.
    is_replayed: bool,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.result {
            Ok(body) => Json(body).into_response(),
            Err(error) => error.into_response(),
        };
        let headers = response.headers_mut();
        if let Ok(id) = new_id("req").parse() {
            headers.insert("request-id", id);
        }
        if self.is_replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

fn carry_out(server: &Server, request: ApiRequest, headers: &HeaderMap, body: &[u8]) -> Answer {
    let first = |result| Answer { result, is_replayed: false };
    let key = match key_of(headers, server.settings().lost_permission) {
        Ok(key) => key,
        Err(error) => return first(Err(error)),
    };
    let idempotency_key = idempotency_key(headers).filter(|_| request.method == "POST");
    let Some(idempotency_key) = idempotency_key else {
        return first(route(server, &key, request, body));
    };
    let request_of_key = (request.path.clone(), body.to_vec());
    if let Some(replay) = server.accounts().state_mut(key.mode).replays.get(idempotency_key) {
        return if replay.request == request_of_key {
            Answer { result: replay.answer.clone(), is_replayed: true }
        } else {
            first(Err(ApiError::idempotency_key_used()))
        };
    }
    let result = route(server, &key, request, body);
    if let Ok(answer) = &result {
        let replay = Replay { request: request_of_key, answer: Ok(answer.clone()) };
        let mut accounts = server.accounts();
        accounts.state_mut(key.mode).replays.insert(idempotency_key.to_owned(), replay);
    }
    first(result)
}

fn route(server: &Server, key: &Key, request: ApiRequest, body: &[u8]) -> Result<Value, ApiError> {
    key.check_permission(&request.method, &request.path)?;
    let params = Params::new(request.params);
    if params.expands("charge") {
        key.check_expanded_charge()?;
    }
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    let outbox = &server.outbox;
    let mut accounts = server.accounts();
    let state = accounts.state_mut(key.mode);
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["v1", "account"]) => {
            params.finish()?;
            Ok(account_json(key, state.can_charge))
        }
        ("GET", ["v1", "webhook_endpoints"]) => endpoints::list(state, params),
        ("POST", ["v1", "webhook_endpoints"]) => endpoints::create(state, key, params),
        ("GET", ["v1", "webhook_endpoints", id]) => endpoints::get(state, id),
        ("POST", ["v1", "webhook_endpoints", id]) => endpoints::update(state, id, params),
        ("DELETE", ["v1", "webhook_endpoints", id]) => endpoints::delete(state, id),
        ("GET", ["v2", "core", "event_destinations"]) => destinations::list(state, params),
        ("POST", ["v2", "core", "event_destinations"]) => destinations::create(state, body),
        ("POST", ["v1", "checkout", "sessions"]) => sessions::create(state, &server.origin, params),
        ("GET", ["v1", "checkout", "sessions", id]) => sessions::get(state, id, params),
        ("GET", ["v1", "payment_intents"]) => intents::list(state, params),
        ("GET", ["v1", "payment_intents", id]) => intents::get(state, id, params),
        ("GET", ["v1", "events"]) => events::list(state, server.settings().event_padding, params),
        ("GET", ["v1", "checkout", "sessions"]) => sessions::list(state, params),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
            sessions::expire(outbox, state, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "cancel"]) => {
            intents::cancel(outbox, state, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "capture"]) => {
            intents::capture(outbox, state, id, params)
        }
        ("GET", ["v1", "disputes"]) => disputes::list(state, params),
        ("GET", ["v1", "refunds"]) => refunds::list(state, params),
        ("GET", ["v1", "refunds", id]) => refunds::get(state, id, params),
        ("POST", ["v1", "refunds"]) => refunds::create(outbox, state, params),
        ("GET", ["v1", "charges"]) => intents::list_charges(state, params),
        _ => Err(ApiError::unknown_request(&request.method, &request.path)),
    }
}

fn account_json(key: &Key, can_charge: bool) -> Value {
    let can_charge = can_charge && key.is_activated;
    json!({
        "id": key.mode.account,
        "object": "account",
        "charges_enabled": can_charge,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": can_charge,
        "payouts_enabled": can_charge,
        "settings": { "dashboard": { "display_name": "Fake Stripe's shop" } },
    })
}
