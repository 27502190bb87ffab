//! The API: `/v1/…`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::amount;
use crate::state::{Environment, NewRefund, Payment, Refund, State, new_id, now};

/// An answer of the API. An error holds `code` and `message`.
pub type Answer = (StatusCode, Value);

/// The parameters of lists.
#[derive(Deserialize)]
pub struct Params {
    attempt: Option<String>,
    since: Option<u64>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Who asks.
struct Caller {
    store: String,
    token: String,
}

pub fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    (status, json!({ "code": code, "message": message }))
}

fn not_found() -> Answer {
    error(StatusCode::NOT_FOUND, "not_found", "There is no such object in this store.")
}

fn conflict(code: &str, message: &str) -> Answer {
    error(StatusCode::CONFLICT, code, message)
}

/// Answers a request.
pub async fn answer(
    Shared(environment): Shared<Arc<Environment>>,
    method: Method,
    uri: Uri,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let (status, json) = respond(&environment, &method, uri.path(), &params, &headers, &body);
    (status, Json(json))
}

fn respond(
    environment: &Environment,
    method: &Method,
    path: &str,
    params: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let Some(caller) = caller(headers) else {
        return error(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "The store id or the token is wrong.",
        );
    };
    if path.ends_with("/refunds") && caller.token.contains("WithoutRefunds") {
        let message = "The token lacks the permission 'refunds'.";
        return error(StatusCode::FORBIDDEN, "forbidden", message);
    }
    let mut state = environment.state();
    if method == Method::GET {
        return read(environment, &state, &caller, path, params);
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return error(StatusCode::BAD_REQUEST, "malformed", "The body is not JSON.");
    };
    // The same key is carried out once. Only what was carried out is remembered.
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.map(|key| (caller.store.clone(), key.to_owned()));
    let sent = format!("{path} {request}");
    if let Some((before, answer)) = key.as_ref().and_then(|key| state.answers.get(key)) {
        if *before == sent {
            return answer.clone();
        }
        return conflict("idempotency_key_reused", "The key was used with another request.");
    }
    let answer = write(environment, &mut state, &caller, path, &request).unwrap_or_else(|no| no);
    if let Some(key) = key.filter(|_| answer.0.is_success()) {
        state.answers.insert(key, (sent, answer.clone()));
    }
    answer
}

/// The store and the token of a request, if they are accepted.
fn caller(headers: &HeaderMap) -> Option<Caller> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (store, token) = decoded.split_once(':')?;
    let is_accepted =
        store.starts_with("store-") && !token.is_empty() && !token.ends_with("Invalid");
    is_accepted.then(|| Caller { store: store.to_owned(), token: token.to_owned() })
}

fn read(
    environment: &Environment,
    state: &State,
    caller: &Caller,
    path: &str,
    params: &Params,
) -> Answer {
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let payments = state.payments.iter().filter(|payment| payment.store == caller.store);
    let refunds = state.refunds.iter().filter(|refund| refund.store == caller.store);
    let found = match segments.as_slice() {
        ["store"] => {
            let without_refunds = caller.token.contains("WithoutRefunds");
            Some(json!({
                "id": caller.store,
                "can_charge": !caller.token.contains("NotActivated"),
                "permissions": if without_refunds { vec!["payments"] } else { vec!["payments", "refunds"] },
            }))
        }
        ["payments"] => {
            let attempt = params.attempt.as_deref();
            let list: Vec<Value> = payments
                .filter(|one| attempt.is_none() || one.labels.attempt.as_deref() == attempt)
                .map(|payment| environment.payment(state, payment))
                .collect();
            Some(json!({ "data": list }))
        }
        ["payments", id] => payments
            .into_iter()
            .find(|payment| payment.id == *id)
            .map(|payment| environment.payment(state, payment)),
        ["payments", id, "refunds"] => {
            let is_known = payments.into_iter().any(|payment| payment.id == *id);
            let list: Vec<Value> =
                refunds.filter(|refund| refund.payment == *id).map(Refund::json).collect();
            is_known.then(|| json!({ "data": list }))
        }
        ["refunds", id] => refunds.into_iter().find(|refund| refund.id == *id).map(Refund::json),
        ["events"] => Some(events(state, caller, params)),
        _ => None,
    };
    found.map_or_else(not_found, |json| (StatusCode::OK, json))
}

/// A page of events, the newest first.
fn events(state: &State, caller: &Caller, params: &Params) -> Value {
    let limit = params.limit.unwrap_or(100).clamp(1, 100);
    let since = params.since.unwrap_or(0);
    let mut events = state
        .events
        .iter()
        .rev()
        .filter(|event| event.store == caller.store && event.created_at >= since)
        // The cursor is the last event of the page before.
        .skip_while(|event| params.cursor.as_ref().is_some_and(|cursor| event.id != *cursor))
        .skip(usize::from(params.cursor.is_some()));
    let page: Vec<_> = events.by_ref().take(limit).collect();
    let next = events.next().and(page.last()).map(|last| last.id.clone());
    let data: Vec<_> = page.iter().map(|event| event.listed.clone()).collect();
    json!({ "data": data, "next": next, "as_of": now() })
}

/// Carries a change out. The error is an answer too.
fn write(
    environment: &Environment,
    state: &mut State,
    caller: &Caller,
    path: &str,
    request: &Value,
) -> Result<Answer, Answer> {
    let invalid = |code| error(StatusCode::UNPROCESSABLE_ENTITY, code, "It cannot be charged.");
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let (id, action) = match segments.as_slice() {
        ["payments"] => {
            let payment = Payment::new(&caller.store, read_as(request)?).map_err(invalid)?;
            let id = payment.id.clone();
            state.payments.push(payment);
            environment.record(state, &id, None);
            return Ok((StatusCode::CREATED, as_it_is(environment, state, &id)));
        }
        ["payments", id, action] => (*id, *action),
        _ => return Err(not_found()),
    };
    let payment = state.payments.iter().find(|one| one.id == id && one.store == caller.store);
    let payment = payment.ok_or_else(not_found)?;
    match (action, payment.status) {
        ("complete", "approved")
            if request.get("token").and_then(Value::as_str) == Some(&payment.token) =>
        {
            environment.change(state, id, "paid");
        }
        ("complete", "approved") => {
            let message = "The token is not the one that the customer brought back.";
            return Err(conflict("token_invalid", message));
        }
        ("complete", "paid") => {}
        ("complete", _) => {
            return Err(conflict("not_approved", "The customer has not approved it."));
        }
        ("cancel", "paid") => return Err(conflict("already_paid", "It is paid.")),
        ("cancel", _) if payment.is_open() => environment.change(state, id, "canceled"),
        ("cancel", _) => {}
        ("refunds", "paid") => {
            let refund = refund(state, payment, read_as(request)?).map_err(|code| match code {
                "already_refunded" => conflict(code, "Nothing is left to refund."),
                code => invalid(code),
            })?;
            let (refund_id, json) = (refund.id.clone(), refund.json());
            state.refunds.push(refund);
            environment.record(state, id, Some(&refund_id));
            if state.refunds_fail {
                environment.decide_refund(state, &refund_id, "failed");
            }
            return Ok((StatusCode::CREATED, json));
        }
        ("refunds", _) => return Err(conflict("not_paid", "It is not paid.")),
        _ => return Err(not_found()),
    }
    Ok((StatusCode::OK, as_it_is(environment, state, id)))
}

/// The request in the body.
fn read_as<T: DeserializeOwned>(request: &Value) -> Result<T, Answer> {
    let malformed = |why: serde_json::Error| {
        error(StatusCode::UNPROCESSABLE_ENTITY, "malformed", &why.to_string())
    };
    T::deserialize(request).map_err(malformed)
}

fn as_it_is(environment: &Environment, state: &State, id: &str) -> Value {
    let payment = state.payments.iter().find(|payment| payment.id == id);
    payment.map(|payment| environment.payment(state, payment)).unwrap_or_default()
}

/// A refund, pending, of a part or of all that is left.
fn refund(state: &State, payment: &Payment, request: NewRefund) -> Result<Refund, &'static str> {
    let refunds = state.refunds.iter().filter(|refund| refund.payment == payment.id);
    let taken: u64 = refunds.filter(|one| one.status != "failed").map(|one| one.amount).sum();
    let left = payment.amount - taken;
    if left == 0 {
        return Err("already_refunded");
    }
    let amount = match &request.amount {
        Some(text) => amount::parse(text, &payment.currency)?,
        None => left,
    };
    if amount > left {
        return Err("amount_invalid");
    }
    Ok(Refund {
        id: new_id("ref"),
        payment: payment.id.clone(),
        store: payment.store.clone(),
        status: "pending",
        amount,
        currency: payment.currency.clone(),
        labels: request.labels,
        created_at: now(),
        updated_at: now(),
    })
}
