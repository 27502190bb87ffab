//! What watches the host asks for: whether it is alive and ready, and its metrics.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use tokio::time::timeout;

use super::Control;
use crate::marketplace::{Error, Readiness};
use crate::resources::Resources;
use crate::{telemetry, views};
use ledger::LedgerError;

/// How long the ledger may take to answer. Our own choice.
const READINESS_TIME: Duration = Duration::from_secs(5);

pub async fn healthz() -> &'static str {
    "ok"
}

/// How every provider is, with the worst of each number.
pub async fn readyz(State(control): State<Control>) -> Response {
    let (is_ready, json) = match readiness(&control).await {
        Ok(readiness) => (readiness.problems.is_empty(), views::readiness(&readiness)),
        Err(error) => {
            let problems = [views::problem(&error.problem())];
            (false, json!({ "ready": false, "problems": problems }))
        }
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(views::visible(json))).into_response()
}

pub async fn metrics(State(control): State<Control>) -> Response {
    // It sets what is measured now. If the ledger does not answer, the rest is told all the same.
    let _ = readiness(&control).await;
    let of_host = control.providers.telemetry();
    Resources::shared().measure(of_host);
    let of_plugins = control.providers.all();
    let of_plugins = of_plugins.iter().map(|marketplace| marketplace.telemetry().text());
    let texts: Vec<String> = std::iter::once(of_host.text()).chain(of_plugins).collect();
    ([(CONTENT_TYPE, telemetry::CONTENT_TYPE)], telemetry::joined(&texts)).into_response()
}

async fn readiness(control: &Control) -> Result<Readiness, Error> {
    let answered = timeout(READINESS_TIME, control.providers.readiness()).await;
    answered.unwrap_or(Err(Error::Ledger(LedgerError::Locked)))
}
