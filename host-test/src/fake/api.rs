//! The API: who calls, which call, and the answer in Stripe's form.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use super::Shared;
use super::error::ApiError;
use super::keys::{Caller, caller};
use super::params::Params;
use super::state::{Call, Replay, id};
use super::trouble::TroubleKind;
use super::{checkout, destinations, disputes, endpoints, events, intents, refunds, trouble};

/// Answers any call of the API.
pub async fn answer(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let params = if method == Method::POST { &body[..] } else { query };
    let call = Call {
        method: method.to_string(),
        path: uri.path().to_owned(),
        params: url::form_urlencoded::parse(params).into_owned().collect(),
    };
    let trouble = {
        let mut state = shared.state();
        state.calls.push(call.clone());
        state.day.of_call(&call.name())
    };
    match trouble {
        None => {
            let answer = carry_out(&shared, call, &headers, &body);
            let mut response = (answer.status, Json(answer.body)).into_response();
            let said = response.headers_mut();
            if let Ok(id) = id("req").parse() {
                said.insert("request-id", id);
            }
            if answer.is_replayed {
                said.insert("idempotent-replayed", HeaderValue::from_static("true"));
            }
            response
        }
        Some(trouble) => {
            if trouble.has_effect {
                // Nobody hears the answer; Stripe repeats its own failures.
                let _ = carry_out(&shared, call, &headers, &body);
                if trouble.kind == TroubleKind::Failing {
                    repeat_failure(&shared, &headers);
                }
            }
            trouble::answer(trouble.kind).await
        }
    }
}

/// Lets the answer to an idempotency key be a failure from now on.
fn repeat_failure(shared: &Shared, headers: &HeaderMap) {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    if let (Some(key), Ok(caller)) = (key, caller(headers))
        && let Some(replay) = shared.state().side_mut(caller.realm).replays.get_mut(key)
    {
        replay.answer = Err(ApiError::failing());
    }
}

/// An answer of the API.
struct Answer {
    status: StatusCode,
    body: Value,
    /// Whether it is the stored answer to an idempotency key.
    is_replayed: bool,
}

fn carry_out(shared: &Shared, call: Call, headers: &HeaderMap, body: &[u8]) -> Answer {
    let mut is_replayed = false;
    match answer_of(shared, call, headers, body, &mut is_replayed) {
        Ok(body) => Answer { status: StatusCode::OK, body, is_replayed },
        Err(error) => Answer { status: error.status, body: error.body, is_replayed },
    }
}

fn answer_of(
    shared: &Shared,
    call: Call,
    headers: &HeaderMap,
    body: &[u8],
    is_replayed: &mut bool,
) -> Result<Value, ApiError> {
    let caller = caller(headers)?;
    let key = headers
        .get("idempotency-key")
        .filter(|_| call.method == "POST")
        .and_then(|value| value.to_str().ok());
    let request = (call.path.clone(), body.to_vec());
    if let Some(key) = key
        && let Some(replay) = shared.state().side_mut(caller.realm).replays.get(key)
    {
        return if replay.request == request {
            *is_replayed = true;
            replay.answer.clone()
        } else {
            Err(ApiError::idempotency())
        };
    }
    let answer = route(shared, &caller, call, body)?;
    if let Some(key) = key {
        let replay = Replay { request, answer: Ok(answer.clone()) };
        shared.state().side_mut(caller.realm).replays.insert(key.to_owned(), replay);
    }
    Ok(answer)
}

fn route(shared: &Shared, caller: &Caller, call: Call, body: &[u8]) -> Result<Value, ApiError> {
    caller.may(&call.method, &call.path)?;
    let params = Params::new(call.params);
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    let livemode = caller.realm.livemode;
    let mut state = shared.state();
    let side = state.side_mut(caller.realm);
    if params.expands("charge") {
        caller.may_expand_charges()?;
    }
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["v1", "account"]) => {
            params.finish()?;
            Ok(account(caller.realm.account))
        }
        ("GET", ["v1", "webhook_endpoints"]) => endpoints::list(side, params),
        ("POST", ["v1", "webhook_endpoints"]) => endpoints::create(side, caller, params),
        ("GET", ["v1", "webhook_endpoints", id]) => endpoints::get(side, id),
        ("POST", ["v1", "webhook_endpoints", id]) => endpoints::update(side, livemode, id, params),
        ("DELETE", ["v1", "webhook_endpoints", id]) => endpoints::delete(side, id),
        ("GET", ["v2", "core", "event_destinations"]) => destinations::list(side, params),
        ("POST", ["v2", "core", "event_destinations"]) => {
            destinations::create(side, livemode, body)
        }
        ("POST", ["v1", "checkout", "sessions"]) => {
            checkout::create(side, livemode, &shared.origin, params)
        }
        ("GET", ["v1", "checkout", "sessions", id]) => checkout::get(side, id, params),
        ("GET", ["v1", "payment_intents"]) => intents::list(side, params),
        ("GET", ["v1", "payment_intents", id]) => intents::get(side, id, params),
        ("GET", ["v1", "events"]) => events::list(side, params),
        ("GET", ["v1", "checkout", "sessions"]) => checkout::list(side, params),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
            checkout::expire(shared, side, livemode, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "cancel"]) => {
            intents::cancel(shared, side, livemode, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "capture"]) => {
            intents::capture(shared, side, livemode, id, params)
        }
        ("GET", ["v1", "disputes"]) => disputes::list(side, params),
        ("GET", ["v1", "refunds"]) => refunds::list(side, params),
        ("GET", ["v1", "refunds", id]) => refunds::get(side, id, params),
        ("POST", ["v1", "refunds"]) => refunds::create(shared, side, livemode, params),
        ("GET", ["v1", "charges"]) => intents::list_charges(side, params),
        _ => Err(ApiError::no_route(&call.method, &call.path)),
    }
}

fn account(id: &str) -> Value {
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
