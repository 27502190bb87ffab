//! Event destinations: version 2 of the API for webhook endpoints, and for more.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::WebhookEndpoint;

/// An event destination that was created with version 2 of the API. It delivers nothing.
pub struct EventDestination {
    /// `ed_…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The description.
    pub description: String,
    /// The types of event.
    pub enabled_events: Vec<String>,
    /// `snapshot` or `thin`.
    pub event_payload: String,
    /// Whose events: `@self` or `@accounts`.
    pub events_from: Vec<String>,
    /// Where a webhook endpoint is. None: it is of another type.
    pub url: Option<String>,
    /// `webhook_endpoint`, `amazon_eventbridge` or `azure_event_grid`.
    pub kind: String,
    /// The API version of its snapshots.
    pub snapshot_api_version: Option<String>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// Unix seconds.
    pub created: u64,
    /// Whether it is of live mode.
    pub livemode: bool,
}

impl EventDestination {
    /// A webhook endpoint of version 1, as version 2 shows it.
    pub fn of_endpoint(endpoint: &WebhookEndpoint) -> Self {
        let from = if endpoint.is_for_connect { "@accounts" } else { "@self" };
        Self {
            id: endpoint.id.clone(),
            name: String::new(),
            description: endpoint.description.clone().unwrap_or_default(),
            enabled_events: endpoint.enabled_events.clone(),
            event_payload: "snapshot".to_owned(),
            events_from: vec![from.to_owned()],
            url: Some(endpoint.url.clone()),
            kind: "webhook_endpoint".to_owned(),
            snapshot_api_version: endpoint.api_version.clone(),
            metadata: endpoint.metadata.clone(),
            created: endpoint.created,
            livemode: endpoint.livemode,
        }
    }

    /// The JSON of the API. `shows_url`: whether the request has included the URL.
    pub fn json(&self, is_enabled: bool, shows_url: bool) -> Value {
        let mut destination = json!({
            "id": self.id,
            "object": "v2.core.event_destination",
            "created": rfc3339(self.created),
            "description": self.description,
            "enabled_events": self.enabled_events,
            "event_payload": self.event_payload,
            "events_from": self.events_from,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "name": self.name,
            "status": if is_enabled { "enabled" } else { "disabled" },
            "type": self.kind,
            "updated": rfc3339(self.created),
        });
        if let Some(fields) = destination.as_object_mut() {
            if let Some(version) = &self.snapshot_api_version {
                fields.insert("snapshot_api_version".to_owned(), version.as_str().into());
            }
            if let Some(url) = &self.url {
                let webhook = if shows_url { json!({ "url": url }) } else { json!({}) };
                fields.insert("webhook_endpoint".to_owned(), webhook);
            }
        }
        destination
    }
}

/// A time in the form of version 2.
fn rfc3339(seconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_millis(time).to_string()
}
