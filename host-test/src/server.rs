//! The HTTP server that takes deliveries.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::clock::now;
use crate::contract::types::{Problem, WebhookRequest};
use crate::marketplace::{DeliveryOutcome, DeliveryTarget, Marketplace};

/// The largest body of a delivery, from the contract. Real ones have less than 12 KB.
const MAX_DELIVERY_BYTES: usize = 1 << 20;

/// How many deliveries are processed at the same time.
const MAX_CONCURRENT_DELIVERIES: usize = 64;
/// How long the body of a delivery may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the deliveries in progress may take when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves deliveries until `stop` completes. Deliveries in progress are finished first.
///
/// # Errors
///
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    marketplace: Arc<Marketplace>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let state =
        ServerState { marketplace, slots: Arc::new(Semaphore::new(MAX_CONCURRENT_DELIVERIES)) };
    let router = Router::new()
        .route("/link-webhook", post(link_webhook))
        .route("/healthz", get(async || "ok"))
        .with_state(state);
    let (stopping, mut stopped) = watch::channel(());
    let stop = async move {
        stop.await;
        stopping.send_replace(());
    };
    let shutdown_timeout = async move {
        if stopped.changed().await.is_ok() {
            tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
        }
    };
    tokio::select! {
        result = axum::serve(listener, router).with_graceful_shutdown(stop) => result,
        () = shutdown_timeout => Ok(()),
    }
}

#[derive(Clone)]
struct ServerState {
    marketplace: Arc<Marketplace>,
    /// A permit for each delivery that may be processed now.
    slots: Arc<Semaphore>,
}

async fn link_webhook(State(state): State<ServerState>, request: Request) -> Response {
    let ServerState { marketplace, slots } = state;
    // Refused before the body is read, so that waiting deliveries use no memory.
    let Ok(slot) = slots.try_acquire_owned() else {
        let reason = Problem::new("host-busy", "Too many deliveries came at once.", &[]);
        return respond(&DeliveryOutcome::RetryLater(reason));
    };
    let received_at = now();
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let target = DeliveryTarget::parse(&query);
    if target.provider.as_ref() != Some(&marketplace.plugin().manifest().provider_id) {
        return respond(&refused("provider-unknown", "The URL names no provider of this host."));
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_DELIVERY_BYTES)).await {
        Ok(Ok(body)) => body.into(),
        Ok(Err(_)) => {
            return respond(&refused(
                "body-too-large",
                "The delivery is larger than 1 MiB, or was interrupted.",
            ));
        }
        Err(_) => {
            return respond(&refused("body-too-slow", "The delivery did not arrive in time."));
        }
    };
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    // Spawned, so that a client's disconnect does not cancel processing.
    let work = tokio::spawn(async move {
        let _slot = slot;
        let request = WebhookRequest { headers, query, body };
        marketplace.deliver(received_at, &target, request).await
    });
    match work.await {
        Ok(outcome) => respond(&outcome),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn refused(code: &str, message: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused(Problem::new(code, message, &[]))
}

fn respond(outcome: &DeliveryOutcome) -> Response {
    let (status, verdict) = match outcome {
        DeliveryOutcome::Accepted => (StatusCode::OK, "accepted"),
        DeliveryOutcome::Duplicate => (StatusCode::OK, "duplicate"),
        DeliveryOutcome::Ignored(_) => (StatusCode::OK, "ignored"),
        DeliveryOutcome::Refused(_) => (StatusCode::BAD_REQUEST, "refused"),
        DeliveryOutcome::RetryLater(_) => (StatusCode::SERVICE_UNAVAILABLE, "try-again"),
    };
    let code = outcome.reason().map(|reason| &reason.code);
    let message = outcome.reason().map(|reason| &reason.message);
    (status, Json(json!({ "verdict": verdict, "code": code, "message": message }))).into_response()
}
