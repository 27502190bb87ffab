//! What the merchant and Andes Pay's staff do by hand. Nobody has to say who they are.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /dashboard/webhooks` with `{"url", "secret"}` | makes a webhook |
//! | `GET /dashboard/deliveries` | waits until everything is delivered, and lists each delivery with the status of its answer |
//! | `POST /dashboard/events/{id}/deliver` | delivers an event again |
//! | `GET /dashboard/payments`, `GET /dashboard/refunds` | lists them, of every store |
//! | `POST /dashboard/payments/{id}/expire` | ends a payment that is not decided |
//! | `POST /dashboard/refunds/{id}/finish`, `…/fail` | decides a pending refund |

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::{Environment, Refund, Webhook, now};

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
    let mut state = environment.state();
    let Some(refund) = state.refunds.iter_mut().find(|refund| refund.id == id) else {
        return StatusCode::NOT_FOUND;
    };
    refund.status = match (refund.status, outcome.as_str()) {
        ("pending", "finish") => "done",
        ("pending", "fail") => "failed",
        (_, "finish" | "fail") => return StatusCode::CONFLICT,
        _ => return StatusCode::NOT_FOUND,
    };
    refund.updated_at = now();
    let payment = refund.payment.clone();
    environment.record(&mut state, &payment, Some(&id));
    StatusCode::OK
}
