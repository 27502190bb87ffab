//! `/v2/core/event_destinations`: the webhook endpoints of version 1, and the destinations that were
//! created with version 2, as a merchant creates them in Workbench. The latter deliver nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{EventDestination, new_id, now};

/// The JSON body of a creation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    event_payload: Option<String>,
    enabled_events: Option<Vec<String>>,
    #[serde(default)]
    events_from: Vec<String>,
    snapshot_api_version: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    webhook_endpoint: Option<Webhook>,
    /// What the answer shows. It always shows all.
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
}

/// Creates a destination from a JSON body.
pub fn create(state: &mut AccountState, body: &[u8]) -> Result<Value, ApiError> {
    let body: Creation = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(&format!("Invalid JSON: {error}.")))?;
    let missing = |field| move || ApiError::missing_parameter(field);
    let from_self = || vec!["@self".to_owned()];
    let destination = EventDestination {
        id: new_id("ed"),
        name: body.name.ok_or_else(missing("name"))?,
        description: body.description.unwrap_or_default(),
        enabled_events: body.enabled_events.ok_or_else(missing("enabled_events"))?,
        event_payload: body.event_payload.ok_or_else(missing("event_payload"))?,
        events_from: Some(body.events_from)
            .filter(|from| !from.is_empty())
            .unwrap_or_else(from_self),
        url: body.webhook_endpoint.map(|webhook| webhook.url),
        kind: body.kind.ok_or_else(missing("type"))?,
        snapshot_api_version: body.snapshot_api_version,
        metadata: body.metadata,
        created: now(),
        livemode: state.mode.livemode,
    };
    let answer = destination.json(true, true);
    state.destinations.push(destination);
    Ok(answer)
}

/// Reads a destination.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    let shows_url = shows_url(params)?;
    if let Some(endpoint) = state.endpoints.iter().find(|endpoint| endpoint.id == id) {
        return Ok(EventDestination::of_endpoint(endpoint).json(endpoint.is_enabled, shows_url));
    }
    let destination = state.destinations.iter().find(|destination| destination.id == id);
    destination
        .map(|destination| destination.json(true, shows_url))
        .ok_or_else(|| ApiError::resource_missing("event_destination", id))
}

/// Lists the destinations, all on one page.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    params.number("limit")?;
    let shows_url = shows_url(params)?;
    let endpoints = state.endpoints.iter().map(|endpoint| {
        EventDestination::of_endpoint(endpoint).json(endpoint.is_enabled, shows_url)
    });
    let destinations = state.destinations.iter().map(|one| one.json(true, shows_url));
    let data: Vec<Value> = endpoints.chain(destinations).collect();
    Ok(json!({ "data": data, "next_page_url": null, "previous_page_url": null }))
}

/// Whether the URLs are to be shown. Every other parameter is refused.
fn shows_url(mut params: Params) -> Result<bool, ApiError> {
    let shows_url = params.list("include").iter().any(|field| field == "webhook_endpoint.url");
    params.finish()?;
    Ok(shows_url)
}
