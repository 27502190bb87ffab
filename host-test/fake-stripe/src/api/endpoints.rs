//! `/v1/webhook_endpoints`.

use serde_json::{Value, json};
use url::{Host, Url};

use super::keys::Key;
use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{WebhookEndpoint, new_id, now};

/// How many endpoints an account may have in a mode. Source: Stripe's documentation.
const MAXIMUM_ENDPOINTS: usize = 16;

/// Creates an endpoint.
pub fn create(state: &mut AccountState, key: &Key, mut params: Params) -> Result<Value, ApiError> {
    let livemode = state.mode.livemode;
    let url = checked_url(params.require("url")?, livemode)?;
    let enabled_events = params.list("enabled_events");
    if enabled_events.is_empty() {
        return Err(ApiError::missing_parameter("enabled_events"));
    }
    let endpoint = WebhookEndpoint {
        id: new_id("we"),
        url,
        enabled_events,
        secret: new_id("whsec"),
        is_enabled: true,
        is_for_connect: params.take("connect").is_some_and(|connect| connect == "true"),
        failed_deliveries: 0,
        api_version: params.take("api_version"),
        description: params.take("description"),
        metadata: params.map("metadata"),
        created: now(),
        livemode,
    };
    params.finish()?;
    if state.endpoints.len() >= MAXIMUM_ENDPOINTS {
        let mode = if livemode { "live" } else { "test" };
        return Err(ApiError::invalid(&format!(
            "You have reached the maximum of {MAXIMUM_ENDPOINTS} {mode} webhook endpoints."
        )));
    }
    let mut answer = endpoint.json();
    // No other answer has the secret.
    if let Some(fields) = answer.as_object_mut().filter(|_| !key.gets_no_secrets) {
        fields.insert("secret".to_owned(), endpoint.secret.clone().into());
    }
    state.endpoints.push(endpoint);
    Ok(answer)
}

/// Lists the endpoints.
pub fn list(state: &AccountState, params: Params) -> Result<Value, ApiError> {
    let endpoints = state.endpoints.iter().rev().map(|e| (e.id.as_str(), || e.json()));
    list_page(endpoints, "webhook_endpoint", "/v1/webhook_endpoints", params)
}

/// Reads an endpoint.
pub fn get(state: &AccountState, id: &str) -> Result<Value, ApiError> {
    let endpoint = state.endpoints.iter().find(|endpoint| endpoint.id == id);
    endpoint
        .map(WebhookEndpoint::json)
        .ok_or_else(|| ApiError::resource_missing("webhook_endpoint", id))
}

/// Changes an endpoint.
pub fn update(state: &mut AccountState, id: &str, mut params: Params) -> Result<Value, ApiError> {
    let livemode = state.mode.livemode;
    let endpoint = state
        .endpoints
        .iter_mut()
        .find(|endpoint| endpoint.id == id)
        .ok_or_else(|| ApiError::resource_missing("webhook_endpoint", id))?;
    if let Some(url) = params.take("url") {
        endpoint.url = checked_url(url, livemode)?;
    }
    let enabled_events = params.list("enabled_events");
    if !enabled_events.is_empty() {
        endpoint.enabled_events = enabled_events;
    }
    if let Some(description) = params.take("description") {
        endpoint.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(disabled) = params.take("disabled") {
        endpoint.is_enabled = disabled != "true";
        endpoint.failed_deliveries = 0;
    }
    endpoint.metadata.extend(params.map("metadata"));
    params.finish()?;
    Ok(endpoint.json())
}

/// Deletes an endpoint.
pub fn delete(state: &mut AccountState, id: &str) -> Result<Value, ApiError> {
    let before = state.endpoints.len();
    state.endpoints.retain(|endpoint| endpoint.id != id);
    if state.endpoints.len() == before {
        return Err(ApiError::resource_missing("webhook_endpoint", id));
    }
    Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
}

fn checked_url(text: String, livemode: bool) -> Result<String, ApiError> {
    let url = Url::parse(&text).map_err(|_| {
        ApiError::invalid("Invalid URL: An explicit scheme (such as https) must be provided.")
    })?;
    if livemode && url.scheme() != "https" {
        return Err(ApiError::invalid(
            "Invalid URL: URLs in livemode must begin with \"https://\"",
        ));
    }
    let is_here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => true,
    };
    if is_here {
        return Err(ApiError::invalid("Invalid URL: URL must be publicly accessible."));
    }
    Ok(text)
}
