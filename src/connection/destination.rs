//! Event destinations: the type, payload style and origin that the guide tells the merchant to choose.
//! Only version 2 of Stripe's API shows them.

use super::address::is_meant_for;
use crate::bindings::brain_studio::payments::types::{Mode, WebhookUrls};
use crate::event_types::WEBHOOK_EVENTS;
use crate::stripe::{Error, EventDestination, List, Params, Request, Response, WebhookEndpoint};

/// The request for the event destinations of the account and mode.
pub fn first_page() -> Request {
    let query = Params::new().with("limit", "100").with("include[0]", "webhook_endpoint.url");
    Request::get("/v2/core/event_destinations", &query)
}

/// The event destinations in the answer to `first_page`.
pub fn list_from(answer: Result<Response, Error>) -> Result<Vec<EventDestination>, Error> {
    let page: List<EventDestination> = answer?.read()?;
    Ok(page.data)
}

/// The destination of a webhook endpoint. Without an endpoint: a destination of another type that was
/// meant to be the webhook.
pub fn of<'a>(
    webhook: Option<&WebhookEndpoint>,
    destinations: &'a [EventDestination],
    urls: &WebhookUrls,
    mode: Mode,
) -> Option<&'a EventDestination> {
    let url = |destination: &'a EventDestination| destination.url.as_deref().unwrap_or_default();
    let listens = |destination: &EventDestination| {
        destination.enabled_events.iter().any(|event| WEBHOOK_EVENTS.contains(&event.as_str()))
    };
    destinations.iter().find(|destination| match webhook {
        Some(webhook) => destination.id == webhook.id || url(destination) == webhook.url,
        None => {
            is_meant_for(url(destination), urls, mode)
                || destination.kind != "webhook_endpoint" && listens(destination)
        }
    })
}

/// A wrong setting of a destination, and the right choice. None: every setting is right.
pub fn wrong_setting(destination: &EventDestination) -> Option<(&'static str, &'static str)> {
    if destination.kind != "webhook_endpoint" {
        return Some((
            "The destination is of another type than Webhook endpoint",
            "Choose the type Webhook endpoint (an HTTPS URL).",
        ));
    }
    if destination.event_payload != "snapshot" {
        return Some((
            "The destination sends thin events, which do not contain the payment",
            "Choose the payload style Snapshot.",
        ));
    }
    if destination.events_from.iter().any(|origin| origin.trim_start_matches('@') != "self") {
        return Some((
            "The destination listens to the events of other accounts",
            "Choose the origin Your account.",
        ));
    }
    None
}
