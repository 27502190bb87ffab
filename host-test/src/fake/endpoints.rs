//! Webhook endpoints.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::{Host, Url};

use super::api::page;
use super::error::ApiError;
use super::keys::Caller;
use super::params::Params;
use super::state::{Realm, Side, id};
use crate::clock::now;
use crate::json::set;

/// As many as an account may have in a mode, by Stripe's documentation.
const LIMIT: usize = 16;

/// After as many deliveries in a row that nobody took, it is disabled. Stripe does so after nine days.
const PATIENCE: u32 = 9;

/// A webhook endpoint.
pub struct Endpoint {
    /// `we_…`
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// What it is told of; `*` is everything.
    pub enabled_events: Vec<String>,
    /// What signs its deliveries.
    pub secret: String,
    /// Whether it is told anything.
    pub is_enabled: bool,
    /// Whether it is told of other accounts' events instead.
    pub is_for_connect: bool,
    /// Unix seconds.
    pub created: u64,
    /// Whose it is.
    pub realm: Realm,
    /// How many deliveries in a row have been given up.
    pub given_up: u32,
    api_version: Option<String>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// Whether it wants to be told of such an event.
    pub fn wants(&self, event_type: &str) -> bool {
        self.is_enabled
            && !self.is_for_connect
            && self.enabled_events.iter().any(|event| event == "*" || event == event_type)
    }

    /// A delivery has been taken, or given up.
    pub fn was_tried(&mut self, is_taken: bool) {
        self.given_up = if is_taken { 0 } else { self.given_up + 1 };
        if self.given_up >= PATIENCE {
            self.is_enabled = false;
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": self.realm.livemode,
            "metadata": self.metadata,
            "status": if self.is_enabled { "enabled" } else { "disabled" },
            "url": self.url,
        })
    }
}

pub fn create(side: &mut Side, caller: &Caller, mut params: Params) -> Result<Value, ApiError> {
    let livemode = caller.realm.livemode;
    let url = checked_url(params.require("url")?, livemode)?;
    let enabled_events = params.list("enabled_events");
    if enabled_events.is_empty() {
        return Err(ApiError::missing_parameter("enabled_events"));
    }
    let endpoint = Endpoint {
        id: id("we"),
        url,
        enabled_events,
        secret: id("whsec"),
        is_enabled: true,
        is_for_connect: params.take("connect").is_some_and(|connect| connect == "true"),
        given_up: 0,
        api_version: params.take("api_version"),
        description: params.take("description"),
        metadata: params.map("metadata"),
        created: now(),
        realm: caller.realm,
    };
    params.finish()?;
    if side.endpoints.len() >= LIMIT {
        let mode = if livemode { "live" } else { "test" };
        return Err(ApiError::invalid(&format!(
            "You have reached the maximum of {LIMIT} {mode} webhook endpoints."
        )));
    }
    let mut answer = endpoint.json();
    // The only time that it is said, and not to every restricted key.
    if !caller.is_kept_from_secrets {
        set(&mut answer, "secret", endpoint.secret.clone());
    }
    side.endpoints.push(endpoint);
    Ok(answer)
}

pub fn list(side: &Side, params: Params) -> Result<Value, ApiError> {
    let endpoints = side.endpoints.iter().rev().map(|e| (e.id.clone(), e.json())).collect();
    page(endpoints, "/v1/webhook_endpoints", params)
}

pub fn get(side: &Side, id: &str) -> Result<Value, ApiError> {
    let endpoint = side.endpoints.iter().find(|endpoint| endpoint.id == id);
    endpoint.map(Endpoint::json).ok_or_else(|| ApiError::no_such("webhook_endpoint", id))
}

pub fn update(
    side: &mut Side,
    livemode: bool,
    id: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let endpoint = side
        .endpoints
        .iter_mut()
        .find(|endpoint| endpoint.id == id)
        .ok_or_else(|| ApiError::no_such("webhook_endpoint", id))?;
    if let Some(url) = params.take("url") {
        endpoint.url = checked_url(url, livemode)?;
    }
    let enabled_events = params.list("enabled_events");
    if !enabled_events.is_empty() {
        endpoint.enabled_events = enabled_events;
    }
    if let Some(disabled) = params.take("disabled") {
        endpoint.is_enabled = disabled != "true";
        endpoint.given_up = 0;
    }
    endpoint.metadata.extend(params.map("metadata"));
    params.finish()?;
    Ok(endpoint.json())
}

pub fn delete(side: &mut Side, id: &str) -> Result<Value, ApiError> {
    let before = side.endpoints.len();
    side.endpoints.retain(|endpoint| endpoint.id != id);
    if side.endpoints.len() == before {
        return Err(ApiError::no_such("webhook_endpoint", id));
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
