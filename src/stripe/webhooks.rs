//! Webhook endpoints, and the event destinations of the second version of the API.

use super::json::{FromJson, Json};
use crate::metadata::Metadata;

/// A webhook endpoint.
pub struct WebhookEndpoint {
    /// `we_…`
    pub id: String,
    /// The URL of its deliveries.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The types of event that it delivers. `*`: all types.
    pub enabled_events: Vec<String>,
    /// The API version of its events. None: the account's default version.
    pub api_version: Option<String>,
    /// Our metadata.
    pub metadata: Metadata,
    /// The signing secret. Only in the answer to the creation.
    pub secret: Option<String>,
}

impl FromJson for WebhookEndpoint {
    fn from_json(json: Json<'_>) -> Option<Self> {
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

/// An event destination.
pub struct EventDestination {
    /// `ed_…`, or the id of the webhook endpoint.
    pub id: String,
    /// `webhook_endpoint`, or another type.
    pub kind: String,
    /// `snapshot` or `thin`.
    pub event_payload: String,
    /// The origins of the events. `@self`, in earlier versions `self`: the account itself.
    pub events_from: Vec<String>,
    /// The types of event that it receives.
    pub enabled_events: Vec<String>,
    /// The URL of its deliveries. None: it is not a webhook endpoint.
    pub url: Option<String>,
}

impl FromJson for EventDestination {
    fn from_json(json: Json<'_>) -> Option<Self> {
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
