//! The API: reads the key, carries the request out, answers in Stripe's form.

mod destinations;
mod disputes;
mod endpoints;
mod events;
mod intents;
mod keys;
mod list;
mod params;
pub mod refunds;
mod sessions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use crate::account::Replay;
use crate::error::ApiError;
use crate::fault::{self, FaultKind};
use crate::lock::lock;
use crate::objects::new_id;
use crate::server::{ApiRequest, Server};
use keys::{Key, key_of};
use params::Params;

/// Answers a request of the API.
pub async fn answer(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let params = if method == Method::POST { &body[..] } else { query };
    let request = ApiRequest {
        method: method.to_string(),
        path: uri.path().to_owned(),
        params: url::form_urlencoded::parse(params).into_owned().collect(),
    };
    lock(&server.requests).push(request.clone());
    let fault = lock(&server.faults).next(&request.name());
    let Some(fault) = fault else {
        return carry_out(&server, request, &headers, &body).into_response();
    };
    if fault.has_effect {
        // Nobody receives this answer.
        let _ = carry_out(&server, request.clone(), &headers, &body);
    }
    if fault.kind == FaultKind::FailingForKey
        || fault.kind == FaultKind::Failing && fault.has_effect
    {
        store_failure(&server, request, &headers, &body);
    }
    fault::answer(fault.kind).await
}

/// Stores a failure for the idempotency key, whatever was stored before: Stripe replays its failures.
fn store_failure(server: &Server, request: ApiRequest, headers: &HeaderMap, body: &[u8]) {
    if let (Some(idempotency_key), Ok(key)) = (idempotency_key(headers), key_of(headers)) {
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
    let key = match key_of(headers) {
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
            Ok(account_json(key.mode.account))
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
        ("GET", ["v1", "events"]) => events::list(state, params),
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

fn account_json(id: &str) -> Value {
    json!({
        "id": id,
        "object": "account",
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": "Fake Stripe's shop" } },
    })
}
