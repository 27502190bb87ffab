//! The public door: the webhook's URL, over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;

use crate::clock::now;
use crate::contract::types::{Problem, WebhookRequest};
use crate::marketplace::{Answer, Marketplace, Verdict};

/// The most that a delivery may hold; the contract says so. Real ones have less than 12 KB.
const LARGEST_DELIVERY: usize = 1 << 20;

/// Serves deliveries until `stop` is done. Those that have begun are answered.
///
/// # Errors
///
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    marketplace: Arc<Marketplace>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/link-webhook", post(link_webhook))
        .route("/healthz", get(async || "ok"))
        .with_state(marketplace);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn link_webhook(State(marketplace): State<Arc<Marketplace>>, request: Request) -> Response {
    let received_at = now();
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let provider_id = &marketplace.plugin().manifest().provider_id;
    let is_for_provider = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "provider" && value == provider_id.as_str());
    if !is_for_provider {
        return answer(&refused("provider-unknown", "The URL names no provider that is here."));
    }
    let Ok(body) = read(body).await else {
        return answer(&refused("body-too-large", "The delivery is larger than 1 MiB."));
    };
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    // Of its own: a sender that hangs up must not stop what has begun.
    let work = tokio::spawn(async move {
        marketplace.deliver(WebhookRequest { headers, query, body, received_at }).await
    });
    match work.await {
        Ok(result) => answer(&result),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn read(body: Body) -> Result<Vec<u8>, axum::Error> {
    to_bytes(body, LARGEST_DELIVERY).await.map(Into::into)
}

fn refused(code: &str, message: &str) -> Answer {
    Answer::because(Verdict::Refused, Problem::new(code, message, &[]))
}

fn answer(answer: &Answer) -> Response {
    let (status, word) = match answer.verdict {
        Verdict::Accepted => (StatusCode::OK, "accepted"),
        Verdict::Duplicate => (StatusCode::OK, "duplicate"),
        Verdict::Ignored => (StatusCode::OK, "ignored"),
        Verdict::Refused => (StatusCode::BAD_REQUEST, "refused"),
        Verdict::TryAgain => (StatusCode::SERVICE_UNAVAILABLE, "try-again"),
    };
    let code = answer.reason.as_ref().map(|reason| &reason.code);
    let message = answer.reason.as_ref().map(|reason| &reason.message);
    (status, Json(json!({ "verdict": word, "code": code, "message": message }))).into_response()
}
