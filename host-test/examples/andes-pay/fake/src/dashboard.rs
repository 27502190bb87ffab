//! What the merchant and Andes Pay's staff do by hand. Nobody has to say who they are.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /dashboard/webhooks` with `{"url", "secret"}` | makes a webhook |
//! | `GET /dashboard/webhooks` | lists them |
//! | `GET /dashboard/deliveries` | waits until everything is delivered, and lists each delivery with the status of its answer |
//! | `POST /dashboard/events/{id}/deliver` | delivers an event again |
//! | `GET /dashboard/payments`, `GET /dashboard/refunds` | lists them, of every store |
//! | `GET /dashboard/payments/{id}` | shows one |
//! | `POST /dashboard/payments/{id}/expire` | ends a payment that is not decided |
//! | `POST /dashboard/refunds/{id}/finish`, `…/fail` | decides a pending refund |
//! | `POST /dashboard/bank/refuses-refunds` | from now on each new refund is pending and fails at once |

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::{Environment, Refund, Webhook};

/// A webhook to make.
#[derive(Deserialize)]
pub struct NewWebhook {
    url: String,
    secret: String,
}

/// Makes a webhook.
pub async fn add_webhook(
    Shared(environment): Shared<Arc<Environment>>,
    Json(NewWebhook { url, secret }): Json<NewWebhook>,
) -> StatusCode {
    environment.state().webhooks.push(Webhook { url, secret });
    StatusCode::CREATED
}

/// Lists the webhooks.
pub async fn webhooks(Shared(environment): Shared<Arc<Environment>>) -> Json<Value> {
    let state = environment.state();
    let urls: Vec<_> = state.webhooks.iter().map(|webhook| json!({ "url": webhook.url })).collect();
    Json(json!({ "data": urls }))
}

/// Waits until everything is delivered, and lists it.
pub async fn deliveries(Shared(environment): Shared<Arc<Environment>>) -> Json<Value> {
    Json(json!({ "data": environment.outbox.delivered().await }))
}

/// Delivers an event again.
pub async fn deliver_again(
    Shared(environment): Shared<Arc<Environment>>,
    Path(id): Path<String>,
) -> StatusCode {
    let state = environment.state();
    let Some(event) = state.events.iter().find(|event| event.id == id) else {
        return StatusCode::NOT_FOUND;
    };
    environment.deliver(&state, event);
    StatusCode::OK
}

/// Lists all payments.
pub async fn payments(Shared(environment): Shared<Arc<Environment>>) -> Json<Value> {
    let state = environment.state();
    let payments = state.payments.iter().map(|payment| environment.payment(&state, payment));
    Json(json!({ "data": payments.collect::<Vec<_>>() }))
}

/// Shows a payment.
pub async fn payment(
    Shared(environment): Shared<Arc<Environment>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let state = environment.state();
    let payment = state.payments.iter().find(|payment| payment.id == id);
    payment.map(|payment| Json(environment.payment(&state, payment))).ok_or(StatusCode::NOT_FOUND)
}

/// Lists all refunds.
pub async fn refunds(Shared(environment): Shared<Arc<Environment>>) -> Json<Value> {
    let refunds: Vec<_> = environment.state().refunds.iter().map(Refund::json).collect();
    Json(json!({ "data": refunds }))
}

/// Ends a payment that is not decided.
pub async fn expire(
    Shared(environment): Shared<Arc<Environment>>,
    Path(id): Path<String>,
) -> StatusCode {
    let mut state = environment.state();
    match state.payments.iter().find(|payment| payment.id == id) {
        Some(payment) if payment.is_open() => environment.change(&mut state, &id, "expired"),
        Some(_) => return StatusCode::CONFLICT,
        None => return StatusCode::NOT_FOUND,
    }
    StatusCode::OK
}

/// Decides a pending refund.
pub async fn decide_refund(
    Shared(environment): Shared<Arc<Environment>>,
    Path((id, outcome)): Path<(String, String)>,
) -> StatusCode {
    let status = match outcome.as_str() {
        "finish" => "done",
        "fail" => "failed",
        _ => return StatusCode::NOT_FOUND,
    };
    let mut state = environment.state();
    match state.refunds.iter().find(|refund| refund.id == id) {
        Some(refund) if refund.status == "pending" => {
            environment.decide_refund(&mut state, &id, status);
            StatusCode::OK
        }
        Some(_) => StatusCode::CONFLICT,
        None => StatusCode::NOT_FOUND,
    }
}

/// From now on each new refund fails.
pub async fn refuse_refunds(Shared(environment): Shared<Arc<Environment>>) -> StatusCode {
    environment.state().refunds_fail = true;
    StatusCode::OK
}
