//! The API: who calls, which call, and the answer in Stripe's form.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::keys::{Caller, caller};
use super::params::Params;
use super::state::{ACCOUNT, Replay, id};
use super::{checkout, endpoints, events, intents};

/// Answers any call of the API.
pub async fn answer(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request_id = id("req");
    shared.state().calls.push(format!("{method} {}", uri.path()));
    let (status, body) = match carry_out(&shared, &method, &uri, &headers, &body) {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status, error.body),
    };
    (status, [("request-id", request_id)], Json(body)).into_response()
}

fn carry_out(
    shared: &Shared,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, ApiError> {
    let caller = caller(headers)?;
    let key = headers
        .get("idempotency-key")
        .filter(|_| method == Method::POST)
        .and_then(|value| value.to_str().ok());
    let request = (uri.path().to_owned(), body.to_vec());
    if let Some(key) = key
        && let Some(replay) = shared.state().side(caller.livemode).replays.get(key)
    {
        return if replay.request == request {
            Ok(replay.answer.clone())
        } else {
            Err(ApiError::idempotency())
        };
    }
    let params = if method == Method::POST {
        Params::parse(body)
    } else {
        Params::parse(uri.query().unwrap_or_default().as_bytes())
    };
    let answer = route(shared, caller, method, uri.path(), params)?;
    if let Some(key) = key {
        let replay = Replay { request, answer: answer.clone() };
        shared.state().side_mut(caller.livemode).replays.insert(key.to_owned(), replay);
    }
    Ok(answer)
}

fn route(
    shared: &Shared,
    caller: Caller,
    method: &Method,
    path: &str,
    params: Params,
) -> Result<Value, ApiError> {
    let segments: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let livemode = caller.livemode;
    let mut state = shared.state();
    let side = state.side_mut(livemode);
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["account"]) if caller.is_restricted => {
            Err(ApiError::permission("rak_accounts_kyc_basic_read"))
        }
        ("GET", ["account"]) => {
            params.finish()?;
            Ok(account())
        }
        ("GET", ["webhook_endpoints"]) => endpoints::list(side, params),
        ("POST", ["webhook_endpoints"]) => endpoints::create(side, livemode, params),
        ("GET", ["webhook_endpoints", id]) => endpoints::get(side, id),
        ("POST", ["webhook_endpoints", id]) => endpoints::update(side, livemode, id, params),
        ("DELETE", ["webhook_endpoints", id]) => endpoints::delete(side, id),
        ("POST", ["checkout", "sessions"]) => {
            checkout::create(side, livemode, &shared.origin, params)
        }
        ("GET", ["checkout", "sessions", id]) => checkout::get(side, id, params),
        ("GET", ["payment_intents", id]) => intents::get(side, id, params),
        ("GET", ["events"]) => events::list(side, params),
        _ => Err(ApiError::no_route(method.as_str(), path)),
    }
}

fn account() -> Value {
    json!({
        "id": ACCOUNT,
        "object": "account",
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": "Fake Stripe's shop" } },
    })
}

/// A page of a list, newest first, from after an object.
pub fn page(
    newest_first: Vec<(String, Value)>,
    url: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let limit = params.number("limit")?.unwrap_or(10).clamp(1, 100);
    let start = match params.take("starting_after") {
        Some(after) => newest_first
            .iter()
            .position(|(id, _)| *id == after)
            .map(|index| index + 1)
            .ok_or_else(|| ApiError::no_such("object", &after))?,
        None => 0,
    };
    params.finish()?;
    let limit = usize::try_from(limit).unwrap_or(100);
    let rest: Vec<Value> = newest_first.into_iter().skip(start).map(|(_, value)| value).collect();
    let has_more = rest.len() > limit;
    let data: Vec<Value> = rest.into_iter().take(limit).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}
