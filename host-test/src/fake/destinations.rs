//! Event destinations: the second version of the API's view of everything that events are sent to.
//!
//! A merchant makes one in Workbench. Here the webhook endpoints of the first version are listed
//! with those that were made through the second. Nothing is delivered to the latter.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::error::ApiError;
use super::params::Params;
use super::state::{Side, id};
use crate::clock::now;
use crate::json::set;

/// A destination that is no webhook endpoint of the first version.
pub struct Destination(Value);

/// Makes one from a JSON body, as it is.
pub fn create(side: &mut Side, livemode: bool, body: &[u8]) -> Result<Value, ApiError> {
    let mut destination: Value =
        serde_json::from_slice(body).map_err(|_| ApiError::invalid("Invalid JSON."))?;
    for field in ["name", "type", "event_payload", "enabled_events"] {
        if destination.get(field).is_none() {
            return Err(ApiError::missing_parameter(field));
        }
    }
    set(&mut destination, "id", id("ed"));
    set(&mut destination, "object", "v2.core.event_destination");
    set(&mut destination, "livemode", livemode);
    set(&mut destination, "status", "enabled");
    set(&mut destination, "created", rfc3339(now()));
    side.destinations.push(Destination(destination.clone()));
    Ok(destination)
}

/// Lists them all.
pub fn list(side: &Side, mut params: Params) -> Result<Value, ApiError> {
    params.number("limit")?;
    let shows_url = params.list("include").iter().any(|field| field == "webhook_endpoint.url");
    params.finish()?;
    let endpoints = side.endpoints.iter().map(|endpoint| {
        json!({
            "id": endpoint.id,
            "object": "v2.core.event_destination",
            "created": rfc3339(endpoint.created),
            "description": "",
            "enabled_events": endpoint.enabled_events,
            "event_payload": "snapshot",
            "events_from": [if endpoint.is_for_connect { "@accounts" } else { "@self" }],
            "livemode": endpoint.realm.livemode,
            "name": "",
            "status": if endpoint.is_enabled { "enabled" } else { "disabled" },
            "type": "webhook_endpoint",
            "webhook_endpoint": { "url": endpoint.url },
        })
    });
    let mut data: Vec<Value> = endpoints.collect();
    data.extend(side.destinations.iter().map(|Destination(json)| json.clone()));
    if !shows_url {
        for destination in &mut data {
            if let Some(webhook) = destination.get_mut("webhook_endpoint") {
                set(webhook, "url", Value::Null);
            }
        }
    }
    Ok(json!({ "data": data, "next_page_url": null, "previous_page_url": null }))
}

/// Times of the second version are texts.
fn rfc3339(seconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_millis(time).to_string()
}
