//! The public door. It takes deliveries and says that it is alive: anybody may ask, so it tells and does nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::respond;
use super::body::{self, BodyError, ReadBody};
use super::{DoorLimits, connections};
use crate::contract::types::{Problem, WebhookRequest};
use crate::marketplace::{DeliveryOutcome, DeliveryTarget, Marketplace};

/// Serves deliveries until `stop` completes. Deliveries in progress are finished first.
pub async fn serve(
    listener: TcpListener,
    marketplace: Arc<Marketplace>,
    limits: DoorLimits,
    stop: impl Future<Output = ()>,
) {
    let state = ServerState {
        marketplace,
        large_bodies: Arc::new(Semaphore::new(limits.large_bodies)),
        places: Arc::new(Semaphore::new(limits.deliveries)),
        limits,
    };
    let router = Router::new()
        .route("/link-webhook", post(link_webhook))
        .route("/healthz", get(async || "ok"))
        .with_state(state);
    connections::serve(listener, router, &limits, stop).await;
}

#[derive(Clone)]
struct ServerState {
    marketplace: Arc<Marketplace>,
    limits: DoorLimits,
    /// A permit for each large body that may be held now.
    large_bodies: Arc<Semaphore>,
    /// A permit for each delivery that may be processed now.
    places: Arc<Semaphore>,
}

async fn link_webhook(State(state): State<ServerState>, request: Request) -> Response {
    let ServerState { marketplace, limits, large_bodies, places } = state;
    let received_at = marketplace.now();
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let target = DeliveryTarget::parse(&query);
    if target.provider.as_ref() != Some(&marketplace.plugin().manifest().provider_id) {
        return respond(&refused("provider-unknown"));
    }
    let ReadBody { bytes: body, place: place_of_body } =
        match body::read(body, limits.body_time, &large_bodies).await {
            Ok(body) => body,
            Err(error) => return respond(&not_read(&error)),
        };
    // Only now, so that a slow sender takes no place. And not in the task: a sender that hangs up leaves the
    // queue, so that it is never longer than the number of connections.
    let Ok(Ok(place)) = timeout(limits.turn_time, places.acquire_owned()).await else {
        return respond(&busy());
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
        let _places = (place, place_of_body);
        let request = WebhookRequest { headers, query, body };
        marketplace.deliver(received_at, &target, request).await
    });
    match work.await {
        Ok(outcome) => respond(&outcome),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn not_read(error: &BodyError) -> DeliveryOutcome {
    match error {
        BodyError::TooLarge => refused("body-too-large"),
        BodyError::TooSlow => refused("body-too-slow"),
        BodyError::NoPlace => busy(),
    }
}

fn busy() -> DeliveryOutcome {
    DeliveryOutcome::RetryLater(Problem::new("host-busy", "", &[]))
}

fn refused(code: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused(Problem::new(code, "", &[]))
}
