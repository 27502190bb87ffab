//! The public door. It takes deliveries and says that it is alive: anybody may ask, so it tells and does nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::answer::respond;
use super::body::{self, BodyError, ReadBody};
use super::lane::{self, Lane};
use super::open_connections;
use super::{Door, DoorLimits, Peer, TrustedProxy, connections, forwarded};
use crate::contract::types::{Problem, WebhookRequest};
use crate::fair_places::{FairPlaces, Owner};
use crate::limit::Limit;
use crate::marketplace::{DeliveryOutcome, DeliveryTarget, Marketplace, Providers};
use crate::sender::Sender;
use crate::telemetry::{SecurityEvent, Telemetry};

/// Serves deliveries until `stop` completes. Deliveries in progress are finished first.
pub async fn serve(
    listener: TcpListener,
    providers: impl Into<Providers>,
    door: impl Into<Door>,
    stop: impl Future<Output = ()>,
) {
    let (door, providers): (Door, Providers) = (door.into(), providers.into());
    let (limits, telemetry) = (door.limits, Arc::clone(providers.telemetry()));
    let state = ServerState {
        providers,
        trusted_proxies: door.trusted_proxies.clone().into(),
        large_bodies: FairPlaces::new(limits.large_bodies, limits.connections),
        places: FairPlaces::new(limits.deliveries, limits.connections),
        lane: Lane::new(),
        limits,
    };
    let router = Router::new()
        .route("/link-webhook", post(link_webhook))
        .route("/healthz", get(async || "ok"))
        .with_state(state);
    connections::serve(listener, router, &door, Some(&telemetry), stop).await;
}

#[derive(Clone)]
struct ServerState {
    providers: Providers,
    limits: DoorLimits,
    trusted_proxies: Arc<[TrustedProxy]>,
    /// A place for each large body that may be held now.
    large_bodies: FairPlaces,
    /// A place for each delivery that may be processed now.
    places: FairPlaces,
    /// For senders in bad standing.
    lane: Lane,
}

async fn link_webhook(State(state): State<ServerState>, request: Request) -> Response {
    let ServerState { providers, limits, trusted_proxies, large_bodies, places, lane } = state;
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let target = DeliveryTarget::parse(&query);
    let provider = target.provider.as_deref().unwrap_or_default();
    let Some(marketplace) = providers.of(provider) else {
        // Its sender has to send it again: it is ours.
        let is_ours = providers.is_unserved(provider);
        let answer = if is_ours { retry_later } else { refused };
        return respond(&answer(if is_ours { "provider-unserved" } else { "provider-unknown" }));
    };
    let received_at = marketplace.now();
    let peer = head.extensions.get::<Peer>();
    let sender = peer.map_or_else(Sender::default, |Peer(peer)| {
        forwarded::sender(*peer, &head.headers, &trusted_proxies)
    });
    let (turn, places, body_time) = if marketplace.is_in_bad_standing(sender) {
        let Some(turn) = lane.enter() else {
            turned_away(marketplace.telemetry(), sender);
            return respond(&retry_later("sender-unverified"));
        };
        (Some(turn), lane.places, limits.body_time / lane::HASTE)
    } else {
        (None, places, limits.body_time)
    };
    let reading =
        head.extensions.get::<open_connections::Request>().map(open_connections::Request::reading);
    let mut unread = Unread { marketplace: &marketplace, sender, is_read: false };
    let of_sender = Owner::new(&sender.to_string(), "");
    let read = body::read(body, body_time, limits.body_rate, &large_bodies, &of_sender).await;
    let ReadBody { bytes: body, place: place_of_body } = match read {
        Ok(body) => body,
        Err(error) => return respond(&not_read(&error, marketplace.telemetry(), sender)),
    };
    unread.is_read = true;
    drop((reading, unread));
    // Only now, so that a slow sender takes no place. And not in the task: a sender that hangs up leaves the
    // queue, so that it is never longer than the number of connections.
    let owner = owner(&marketplace, &target, sender, turn.is_some());
    let Ok(place) = places.acquire(&owner, Instant::now() + limits.turn_time).await else {
        marketplace.telemetry().limit(Limit::Deliveries, &sender.to_string());
        return respond(&retry_later("host-busy"));
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
        let _places = (turn, place, place_of_body);
        let request = WebhookRequest { headers, query, body };
        marketplace.deliver(received_at, &target, sender, request).await
    });
    match work.await {
        Ok(outcome) => respond(&outcome),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Between whom the places are shared: the installations that the URLs name, if they are known. At the shared URL, and
/// in the lane, it is the senders.
fn owner(
    marketplace: &Marketplace,
    target: &DeliveryTarget,
    sender: Sender,
    in_lane: bool,
) -> Owner {
    let provider = target.provider.as_deref().unwrap_or_default();
    match &target.installation {
        Some(id) if !in_lane && marketplace.knows_installation(id) => Owner::new(provider, id),
        _ => Owner::new(provider, &sender.to_string()),
    }
}

/// A delivery whose body is awaited. It counts as one that is not verified, also if the connection is closed meanwhile,
/// unless it was read.
struct Unread<'a> {
    marketplace: &'a Marketplace,
    sender: Sender,
    is_read: bool,
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if !self.is_read {
            self.marketplace.has_not_read(self.sender);
        }
    }
}

fn not_read(error: &BodyError, telemetry: &Telemetry, sender: Sender) -> DeliveryOutcome {
    match error {
        BodyError::TooLarge => refused("body-too-large"),
        BodyError::TooSlow => refused("body-too-slow"),
        BodyError::NoPlace => {
            telemetry.limit(Limit::LargeBodies, &sender.to_string());
            retry_later("host-busy")
        }
    }
}

fn turned_away(telemetry: &Telemetry, sender: Sender) {
    telemetry.reached(Limit::UnverifiedPerSender);
    let what = "too many deliveries of the sender are not verified";
    telemetry.security(SecurityEvent::Quota, &sender.to_string(), what);
}

fn retry_later(code: &str) -> DeliveryOutcome {
    DeliveryOutcome::RetryLater(Problem::new(code, "", &[]))
}

fn refused(code: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused(Problem::new(code, "", &[]))
}
