//! What has happened, whether it was delivered or not.

use super::fetch;
use super::map::from_event;
use crate::bindings::brain_studio::payments::types::{EventPage, Installation, ProviderError};
use crate::stripe::{Event, Form, List};

/// What a flow has to know: the webhook's three, and what no webhook tells of refunds,
/// cancellations, expiry and slow methods.
const TYPES: [&str; 8] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "checkout.session.expired",
    "charge.refunded",
];

/// A page of the events since a time. Stripe keeps them for 30 days, and lists the newest first.
pub fn missed_events(
    installation: &Installation,
    since: u64,
    cursor: Option<&str>,
) -> Result<EventPage, ProviderError> {
    let mut query = Form::new().with("limit", "100").with("created[gte]", &since.to_string());
    for kind in TYPES {
        query.add("types[]", kind);
    }
    if let Some(cursor) = cursor {
        query.add("starting_after", cursor);
    }
    let page: List<Event> = fetch("/v1/events", &query)?;
    let cursor = page.data.last().map(|event| event.id.clone()).filter(|_| page.has_more);
    let events = page.data.into_iter().rev();
    // What cannot be read is asked about by itself as long as it is not finished.
    let events = events.filter_map(|event| from_event(event, installation).ok().flatten());
    Ok(EventPage { events: events.collect(), cursor })
}
