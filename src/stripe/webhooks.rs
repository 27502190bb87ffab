//! Webhook endpoints, and the event destinations of the second version of the API.

use super::json::{Fields as _, FromJson, Json};
use crate::metadata::Metadata;

/// A webhook endpoint.
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The types of event that it delivers; `*` is all of them.
    pub enabled_events: Vec<String>,
    /// The version whose shapes its events have. None: the account's.
    pub api_version: Option<String>,
    /// Our tags, if it is ours.
    pub metadata: Metadata,
    /// Only in the answer to its creation.
    pub secret: Option<String>,
}

impl FromJson for WebhookEndpoint {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            url: json.string("url").unwrap_or_default(),
            status: json.string("status").unwrap_or_default(),
            enabled_events: json.strings("enabled_events"),
            api_version: json.string("api_version"),
            metadata: Metadata::of(json),
            secret: json.string("secret"),
        })
    }
}

/// Where events go, in the second version of the API.
pub struct EventDestination {
    /// `ed_…`, or that of the webhook endpoint.
    pub id: String,
    /// `webhook_endpoint`, or another type.
    pub kind: String,
    /// `snapshot` or `thin`.
    pub event_payload: String,
    /// `@self` is the account itself, `self` in earlier versions.
    pub events_from: Vec<String>,
    /// The types of event that it is sent.
    pub enabled_events: Vec<String>,
    /// Where deliveries go, if it is a webhook.
    pub url: Option<String>,
}

impl FromJson for EventDestination {
    fn from_json(json: &Json) -> Option<Self> {
        Some(Self {
            id: json.string("id")?,
            kind: json.string("type")?,
            event_payload: json.string("event_payload").unwrap_or_default(),
            events_from: json.strings("events_from"),
            enabled_events: json.strings("enabled_events"),
            url: json.field("webhook_endpoint").string("url"),
        })
    }
}
