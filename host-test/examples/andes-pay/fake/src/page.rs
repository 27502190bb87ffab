//! The page of a payment, on which its customer approves or declines.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use crate::amount;
use crate::state::Environment;

/// What the customer chooses.
#[derive(Deserialize)]
pub struct Choice {
    approve: Option<String>,
}

/// Shows the payment.
pub async fn show(
    Shared(environment): Shared<Arc<Environment>>,
    Path(id): Path<String>,
) -> Response {
    let state = environment.state();
    let Some(payment) = state.payments.iter().find(|payment| payment.id == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (amount, currency) = (amount::text(payment.amount, &payment.currency), &payment.currency);
    let choices = if matches!(payment.status, "created" | "declined") {
        "<form method=post><button name=approve value=yes>Approve</button> \
         <button name=decline value=yes>Decline</button></form>"
    } else {
        "<p>There is nothing to choose here."
    };
    Html(format!("<!doctype html><title>Andes Pay</title><h1>{amount} {currency}</h1>{choices}"))
        .into_response()
}

/// Approves, and sends the browser back with a token, or declines.
pub async fn answer(
    Shared(environment): Shared<Arc<Environment>>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let mut state = environment.state();
    let Some(payment) = state.payments.iter().find(|payment| payment.id == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !matches!(payment.status, "created" | "declined") {
        return (StatusCode::CONFLICT, "There is nothing to choose here.").into_response();
    }
    if choice.approve.is_none() {
        environment.change(&mut state, &id, "declined");
        return Html("<!doctype html><title>Andes Pay</title><p>Declined.").into_response();
    }
    let separator = if payment.success_url.contains('?') { '&' } else { '?' };
    let back = format!("{}{separator}token={}", payment.success_url, payment.token);
    environment.change(&mut state, &id, "approved");
    (StatusCode::SEE_OTHER, [(LOCATION, back)]).into_response()
}
