//! `/v2/core/event_destinations`: the webhook endpoints of version 1, and the destinations that were
//! created with version 2, as a merchant creates them in Workbench. The latter deliver nothing.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{new_id, now};

/// Creates a destination from a JSON body. Its fields are stored as they are.
pub fn create(state: &mut AccountState, body: &[u8]) -> Result<Value, ApiError> {
    let mut destination: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| ApiError::invalid("Invalid JSON."))?;
    for field in ["name", "type", "event_payload", "enabled_events"] {
        if destination.get(field).is_none() {
            return Err(ApiError::missing_parameter(field));
        }
    }
    let fields: [(&str, Value); 5] = [
        ("id", new_id("ed").into()),
        ("object", "v2.core.event_destination".into()),
        ("livemode", state.mode.livemode.into()),
        ("status", "enabled".into()),
        ("created", rfc3339(now()).into()),
    ];
    destination.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    state.destinations.push(destination.clone());
    Ok(Value::Object(destination))
}

/// Lists the destinations.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    params.number("limit")?;
    let shows_url = params.list("include").iter().any(|field| field == "webhook_endpoint.url");
    params.finish()?;
    let endpoints = state.endpoints.iter().map(|endpoint| {
        json!({
            "id": endpoint.id,
            "object": "v2.core.event_destination",
            "created": rfc3339(endpoint.created),
            "description": "",
            "enabled_events": endpoint.enabled_events,
            "event_payload": "snapshot",
            "events_from": [if endpoint.is_for_connect { "@accounts" } else { "@self" }],
            "livemode": endpoint.livemode,
            "name": "",
            "status": if endpoint.is_enabled { "enabled" } else { "disabled" },
            "type": "webhook_endpoint",
            "webhook_endpoint": { "url": endpoint.url },
        })
    });
    let mut data: Vec<Value> = endpoints.collect();
    data.extend(state.destinations.iter().cloned().map(Value::Object));
    if !shows_url {
        for destination in &mut data {
            let webhook = destination.get_mut("webhook_endpoint").and_then(Value::as_object_mut);
            if let Some(webhook) = webhook {
                webhook.insert("url".to_owned(), Value::Null);
            }
        }
    }
    Ok(json!({ "data": data, "next_page_url": null, "previous_page_url": null }))
}

/// A time in the form of version 2.
fn rfc3339(seconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_millis(time).to_string()
}
