//! The path of the fake that triggers an event. It needs no key, so it serves this computer only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::TriggerError;
use super::overrides::Override;
use super::recipe::make_happen;
use crate::account::AccountMode;
use crate::server::Server;

/// The path.
pub const PATH: &str = "/fake/trigger";

/// How long the answer waits for the deliveries. Our own choice: each is tried three times within a second.
const TIME_TO_DELIVER: Duration = Duration::from_secs(15);

/// What is asked for.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// Such as `payment_intent.succeeded`.
    pub event: String,
    /// In which mode of the first account.
    pub livemode: bool,
    /// The fields of the event's object that are chosen.
    pub overrides: Vec<Override>,
}

/// What has happened.
#[derive(Serialize, Deserialize)]
pub struct Happened {
    /// The event that was asked for, as it is listed and delivered.
    pub event: Value,
    /// The events that came with it, the oldest first.
    pub others: Vec<OtherEvent>,
    /// What became of its deliveries.
    pub deliveries: Vec<Delivered>,
    /// Whether deliveries were still open when the answer was sent.
    pub is_delivering: bool,
}

/// An event that came with another one.
#[derive(Serialize, Deserialize)]
pub struct OtherEvent {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.created`.
    #[serde(rename = "type")]
    pub event_type: String,
}

/// A delivery to a webhook endpoint.
#[derive(Serialize, Deserialize)]
pub struct Delivered {
    /// `we_…`
    pub endpoint: String,
    /// The URL, as it is registered.
    pub url: String,
    /// How often it was tried.
    pub attempts: usize,
    /// The HTTP status of the last answer. None: no answer, or no address to deliver to.
    pub status: Option<u16>,
}

/// Triggers an event, and waits until it is delivered.
pub async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    Json(request): Json<Request>,
) -> Response {
    if !caller.ip().to_canonical().is_loopback() {
        return refusal(StatusCode::FORBIDDEN, &TriggerError::NotFromThisComputer);
    }
    match trigger(&server, request).await {
        Ok(happened) => Json(happened).into_response(),
        Err(error) => refusal(StatusCode::BAD_REQUEST, &error),
    }
}

fn refusal(status: StatusCode, error: &TriggerError) -> Response {
    (status, Json(error.refusal())).into_response()
}

async fn trigger(server: &Server, request: Request) -> Result<Happened, TriggerError> {
    let mode = AccountMode::of_first_account(request.livemode);
    let (event, others, listening) = {
        let mut accounts = server.accounts();
        let state = accounts.state_mut(mode);
        let newest = state.events.back().map(|event| event.id.clone());
        let (outbox, origin) = (&server.outbox, &server.origin);
        make_happen(outbox, state, origin, &request.event, request.overrides)?;
        // Old events may have been dropped meanwhile, so that their number says nothing.
        let new = state.events.iter().rev().take_while(|event| Some(&event.id) != newest.as_ref());
        let new: Vec<_> = new.collect();
        let event = new
            .iter()
            .find(|event| event.event_type == request.event)
            .ok_or_else(|| TriggerError::DidNotHappen { event: request.event.clone() })?;
        let others = new
            .iter()
            .rev()
            .filter(|one| one.id != event.id)
            .map(|one| OtherEvent { id: one.id.clone(), event_type: one.event_type.clone() });
        let listening = state.endpoints.iter().filter(|one| one.listens_to(&request.event));
        let listening: Vec<_> =
            listening.map(|endpoint| (endpoint.id.clone(), endpoint.url.clone())).collect();
        (event.body.clone(), others.collect(), listening)
    };
    let mut open = server.outbox.open();
    let delivered = tokio::time::timeout(TIME_TO_DELIVER, open.wait_for(|open| *open == 0)).await;
    let is_delivering = delivered.is_err();
    let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
    let attempts = server.outbox.attempts();
    let deliveries = listening.into_iter().map(|(endpoint, url)| {
        let attempts = attempts.iter().filter(|one| one.event == id && one.endpoint == endpoint);
        let statuses: Vec<_> = attempts.map(|attempt| attempt.status).collect();
        let status = statuses.last().copied().flatten();
        Delivered { endpoint, url, attempts: statuses.len(), status }
    });
    let deliveries = deliveries.collect();
    Ok(Happened { event, others, deliveries, is_delivering })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn event_is_triggered_for_this_computer_only() {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        let server = Arc::new(Server::new(here, reqwest::Client::new(), Box::new(|_| None)));
        for (caller, status) in [
            ("127.0.0.1:1", 200),
            ("[::1]:1", 200),
            ("[::ffff:127.0.0.1]:1", 200),
            ("10.0.0.7:1", 403),
            ("[::ffff:10.0.0.7]:1", 403),
            ("[2001:db8::7]:1", 403),
        ] {
            let request = Request {
                event: "payment_intent.created".to_owned(),
                livemode: false,
                overrides: Vec::new(),
            };
            let caller = ConnectInfo(caller.parse().unwrap());
            let response = answer(State(Arc::clone(&server)), caller, Json(request)).await;
            assert_eq!(response.status(), status, "{caller:?}");
        }
    }
}
