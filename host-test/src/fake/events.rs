//! Events: what happened, in the order in which it did.

use serde_json::{Value, json};

use super::Shared;
use super::api::page;
use super::error::ApiError;
use super::params::Params;
use super::state::{Side, id};
use crate::clock::now;

/// An event, frozen.
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// Unix seconds.
    pub created: u64,
    /// As it is delivered and listed.
    pub body: Value,
}

impl Event {
    /// As it is delivered: indented, as Stripe does it.
    pub fn bytes(&self) -> Vec<u8> {
        format!("{:#}", self.body).into_bytes()
    }
}

/// Writes an event down and sends it to every endpoint that wants it.
pub fn happen(shared: &Shared, side: &mut Side, livemode: bool, kind: &str, object: &Value) {
    let id = id("evt");
    let created = now();
    let pending = side.endpoints.iter().filter(|endpoint| endpoint.wants(kind)).count();
    let body = json!({
        "id": id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": created,
        "data": { "object": object },
        "livemode": livemode,
        "pending_webhooks": pending,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    });
    let event = Event { id, kind: kind.to_owned(), created, body };
    shared.outbox.deliver(&event, &side.endpoints);
    side.events.push(event);
}

pub fn list(side: &Side, mut params: Params) -> Result<Value, ApiError> {
    let mut kinds = params.list("types");
    kinds.extend(params.take("type"));
    let since = params.number("created[gte]")?.unwrap_or(0);
    let events = side
        .events
        .iter()
        .rev()
        .filter(|event| kinds.is_empty() || kinds.contains(&event.kind))
        .filter(|event| event.created >= since)
        .map(|event| (event.id.clone(), event.body.clone()))
        .collect();
    page(events, "/v1/events", params)
}
