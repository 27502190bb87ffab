//! Events.

use serde_json::{Value, json};

use super::{new_id, now};

/// The API version of the fake's objects and events.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The request that has caused an event.
#[derive(Clone)]
pub struct Cause {
    /// `req_…`
    pub request: String,
    /// The request's idempotency key.
    pub idempotency_key: Option<String>,
}

/// An event. It never changes.
#[allow(clippy::struct_field_names)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub event_type: String,
    /// Unix seconds.
    pub created: u64,
    /// The JSON that is delivered and listed.
    pub body: Value,
}

impl Event {
    /// A new event about an object. `pending_webhooks`: how many endpoints it is delivered to. `cause`: None
    /// if no request has caused it, but a customer or time.
    pub fn new(
        event_type: &str,
        object: &Value,
        livemode: bool,
        pending_webhooks: usize,
        cause: Option<&Cause>,
    ) -> Self {
        let id = new_id("evt");
        let created = now();
        let body = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": created,
            "data": { "object": object },
            "livemode": livemode,
            "pending_webhooks": pending_webhooks,
            "request": {
                "id": cause.map(|cause| &cause.request),
                "idempotency_key": cause.and_then(|cause| cause.idempotency_key.as_ref()),
            },
            "type": event_type,
        });
        Self { id, event_type: event_type.to_owned(), created, body }
    }

    /// The body of a delivery. It is indented, as Stripe's is.
    pub fn bytes(&self) -> Vec<u8> {
        format!("{:#}", self.body).into_bytes()
    }
}
