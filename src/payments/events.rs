//! What has happened, whether it was delivered or not.

use super::map::from_event;
use crate::bindings::brain_studio::payments::types::{
    Context, EventPage, EventQuery, Installation, ProviderError,
};
use crate::stripe::{self, Event, List, Params};

/// What a flow has to know: the webhook's three, and what no webhook tells of refunds, disputes,
/// cancellations, expiry and slow methods. Stripe takes at most 20.
const EVENT_TYPES: [&str; 14] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "checkout.session.expired",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
];

/// The largest page that Stripe gives.
const LARGEST_PAGE: u32 = 100;

/// A page of the events since a time, the newest first. Stripe keeps them for 30 days.
pub fn list_events(
    context: Context,
    installation: &Installation,
    query: &EventQuery,
) -> Result<EventPage, ProviderError> {
    let limit = query.limit.clamp(1, LARGEST_PAGE).to_string();
    let since = query.since.to_string();
    let mut form = Params::new().with("limit", &limit).with("created[gte]", &since);
    for kind in EVENT_TYPES {
        form.add("types[]", kind);
    }
    if let Some(cursor) = &query.cursor {
        form.add("starting_after", cursor);
    }
    let answer = stripe::get("/v1/events", &form)?;
    let page: List<Event> = answer.read()?;
    let cursor = page.data.last().map(|event| event.id.clone()).filter(|_| page.has_more);
    let events = page.data.into_iter();
    // A payment whose event cannot be read is asked about as long as it is not finished.
    let events = events.filter_map(|event| from_event(event, installation).ok().flatten());
    Ok(EventPage { events: events.collect(), cursor, as_of: answer.time.unwrap_or(context.now) })
}
