//! The public door: the webhook's URL, over HTTP.

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
use crate::marketplace::{Answer, Marketplace, Verdict};

/// The most that a delivery may hold; the contract says so. Real ones have less than 12 KB.
const LARGEST_DELIVERY: usize = 1 << 20;

/// How many deliveries are worked on at the same time.
const DELIVERIES: usize = 64;
/// How long the body of a delivery may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How long those that have begun may take when the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

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
    let door = Door { marketplace, places: Arc::new(Semaphore::new(DELIVERIES)) };
    let router = Router::new()
        .route("/link-webhook", post(link_webhook))
        .route("/healthz", get(async || "ok"))
        .with_state(door);
    let (stopping, mut stopped) = watch::channel(());
    let stop = async move {
        stop.await;
        stopping.send_replace(());
    };
    let patience = async move {
        if stopped.changed().await.is_ok() {
            tokio::time::sleep(LAST_ANSWERS).await;
        }
    };
    tokio::select! {
        result = axum::serve(listener, router).with_graceful_shutdown(stop) => result,
        () = patience => Ok(()),
    }
}

/// What every delivery is given.
#[derive(Clone)]
struct Door {
    marketplace: Arc<Marketplace>,
    places: Arc<Semaphore>,
}

async fn link_webhook(State(door): State<Door>, request: Request) -> Response {
    let Door { marketplace, places } = door;
    // What finds no place comes again, and takes no memory meanwhile.
    let Ok(place) = places.try_acquire_owned() else {
        let reason = Problem::new("host-busy", "Too many deliveries have come at once.", &[]);
        return answer(&Answer::because(Verdict::TryAgain, reason));
    };
    let received_at = now();
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let provider_id = &marketplace.plugin().manifest().provider_id;
    let is_for_provider = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "provider" && value == provider_id.as_str());
    if !is_for_provider {
        return answer(&refused("provider-unknown", "The URL names no provider that is here."));
    }
    let body = match tokio::time::timeout(BODY_TIME, to_bytes(body, LARGEST_DELIVERY)).await {
        Ok(Ok(body)) => body.into(),
        Ok(Err(_)) => {
            return answer(&refused(
                "body-too-large",
                "The delivery is larger than 1 MiB, or broke off.",
            ));
        }
        Err(_) => return answer(&refused("body-too-slow", "The delivery did not come in time.")),
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
        let _place = place;
        marketplace.deliver(received_at, WebhookRequest { headers, query, body }).await
    });
    match work.await {
        Ok(result) => answer(&result),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
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
