//! The API: reads the key, carries the request out, answers in Stripe's form.

mod charges;
mod destinations;
pub mod disputes;
mod endpoints;
mod events;
mod expand;
pub mod intents;
mod keys;
mod list;
mod params;
pub mod refunds;
mod route;
pub mod sessions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::DATE;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::Value;

use crate::account::Replay;
use crate::clock::http_date;
use crate::error::ApiError;
use crate::fault::{self, FaultKind};
use crate::lock::lock;
use crate::objects::{API_VERSION, Cause, new_id};
use crate::server::{ApiRequest, Server};
use keys::key_of;
pub use params::Params;
use route::route;

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
        let request_id = new_id("req");
        let replay = Replay { request: (request.path, body.to_vec()), answer, request_id };
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
    /// `req_…`
    request_id: String,
    /// The first request with the idempotency key.
    original_request: Option<String>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.result {
            Ok(body) => Json(body).into_response(),
            Err(error) => error.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
        if let Ok(id) = self.request_id.parse() {
            headers.insert("request-id", id);
        }
        if let Some(original) = self.original_request {
            if original != self.request_id {
                headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
            }
            if let Ok(original) = original.parse() {
                headers.insert("original-request", original);
            }
        }
        response
    }
}

fn carry_out(server: &Server, request: ApiRequest, headers: &HeaderMap, body: &[u8]) -> Answer {
    let request_id = new_id("req");
    let key = match key_of(headers, server.settings().lost_permission) {
        Ok(key) => key,
        Err(error) => return Answer { result: Err(error), request_id, original_request: None },
    };
    let idempotency_key = idempotency_key(headers).filter(|_| request.method == "POST");
    let cause =
        Cause { request: request_id.clone(), idempotency_key: idempotency_key.map(str::to_owned) };
    let logged = |error: ApiError| error.logged(&request_id, key.mode.livemode);
    let Some(idempotency_key) = idempotency_key else {
        let result = route(server, &key, request, body, cause).map_err(logged);
        return Answer { result, request_id, original_request: None };
    };
    let request_of_key = (request.path.clone(), body.to_vec());
    if let Some(replay) = server.accounts().state_mut(key.mode).replays.get(idempotency_key) {
        return if replay.request == request_of_key {
            let original_request = Some(replay.request_id.clone());
            Answer { result: replay.answer(), request_id, original_request }
        } else {
            let result = Err(logged(ApiError::idempotency_key_used()));
            Answer { result, request_id, original_request: None }
        };
    }
    let answer = route(server, &key, request, body, cause).map_err(logged);
    if answer.as_ref().err().is_none_or(ApiError::was_carried_out) {
        let replay = Replay {
            request: request_of_key,
            answer: answer.as_ref().map(Value::to_string).map_err(Clone::clone),
            request_id: request_id.clone(),
        };
        let mut accounts = server.accounts();
        accounts.state_mut(key.mode).replays.insert(idempotency_key.to_owned(), replay);
    }
    Answer { result: answer, original_request: Some(request_id.clone()), request_id }
}
