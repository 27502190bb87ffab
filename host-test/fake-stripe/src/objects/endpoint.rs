//! Webhook endpoints.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// After this many deliveries in a row that failed, an endpoint is disabled. Stripe counts nine days.
const MAXIMUM_FAILED_DELIVERIES: u32 = 9;

/// A webhook endpoint.
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// The URL of its deliveries.
    pub url: String,
    /// The types of event that it delivers. `*`: all types.
    pub enabled_events: Vec<String>,
    /// The signing secret.
    pub secret: String,
    /// Whether it delivers.
    pub is_enabled: bool,
    /// Whether it delivers the events of connected accounts, and not those of this account.
    pub is_for_connect: bool,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// How many deliveries in a row have failed.
    pub failed_deliveries: u32,
    /// The API version of its events.
    pub api_version: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
}

impl WebhookEndpoint {
    /// Whether it delivers events of a type.
    pub fn listens_to(&self, event_type: &str) -> bool {
        self.is_enabled
            && !self.is_for_connect
            && self.enabled_events.iter().any(|event| event == "*" || event == event_type)
    }

    /// Counts a delivery. After too many failures in a row the endpoint is disabled.
    pub fn count_delivery(&mut self, succeeded: bool) {
        self.failed_deliveries = if succeeded { 0 } else { self.failed_deliveries + 1 };
        if self.failed_deliveries >= MAXIMUM_FAILED_DELIVERIES {
            self.is_enabled = false;
        }
    }

    /// The JSON of the API, without the secret.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "status": if self.is_enabled { "enabled" } else { "disabled" },
            "url": self.url,
        })
    }
}
