//! Events: listing those at Stripe, and converting them.

use super::dispute::from_dispute;
use super::map::{AmountTooLarge, from_charge, from_intent, from_session};
use super::refund::from_refund;
use crate::bindings::brain_studio::payments::types::{
    Authority, Context, Event as ContractEvent, EventPage, EventQuery, EventSubject, Installation,
    Payment, PaymentStatus, ProviderError,
};
use crate::event_types::{OTHER_LISTED, PAYMENT_EVENTS, PAYMENT_FAILED};
use crate::stripe::{Client, Event, List, Params, Subject};

/// Source: Stripe's documentation of "List all events".
const LARGEST_PAGE: u32 = 100;

/// Lists a page of the events since a time, the newest first. Stripe keeps events for 30 days.
pub fn list_events(
    stripe: &Client,
    context: Context,
    installation: &Installation,
    query: &EventQuery,
) -> Result<EventPage, ProviderError> {
    let limit = query.limit.clamp(1, LARGEST_PAGE).to_string();
    let since = query.since.to_string();
    let mut params = Params::new().with("limit", &limit).with("created[gte]", &since);
    for event_type in PAYMENT_EVENTS.into_iter().chain(OTHER_LISTED) {
        params.add("types[]", event_type);
    }
    if let Some(cursor) = &query.cursor {
        params.add("starting_after", cursor);
    }
    let answer = stripe.get("/v1/events", &params)?;
    let page: List<Event> = answer.read()?;
    let cursor = page.data.last().map(|event| event.id.clone()).filter(|_| page.has_more);
    let events = page.data.into_iter();
    // The host reads an open payment even if its event cannot be converted.
    let events = events.filter_map(|event| from_event(event, installation).ok().flatten());
    Ok(EventPage { events: events.collect(), cursor, as_of: answer.time.unwrap_or(context.now) })
}

/// Converts an event about a payment, a refund or a dispute. None: it is about something else, or about an
/// object of another workspace that uses the same account.
pub fn from_event(
    event: Event,
    installation: &Installation,
) -> Result<Option<ContractEvent>, AmountTooLarge> {
    let metadata = match &event.subject {
        Subject::Intent(intent) => Some(&intent.metadata),
        Subject::Session(session) => Some(&session.metadata),
        Subject::Charge(charge) => Some(&charge.metadata),
        Subject::Refund(refund) => Some(&refund.metadata),
        Subject::Dispute(_) => None,
        Subject::Other => return Ok(None),
    };
    if metadata.is_some_and(|metadata| metadata.is_of_another_workspace(installation)) {
        return Ok(None);
    }
    let subject = match event.subject {
        Subject::Intent(intent) => EventSubject::Payment(from_intent(*intent, installation)?),
        Subject::Session(session) => EventSubject::Payment(from_session(*session, installation)?),
        Subject::Charge(charge) => EventSubject::Payment(from_charge(*charge, installation)?),
        Subject::Refund(refund) => match from_refund(*refund, installation)? {
            Some(refund) => EventSubject::Refund(refund),
            None => return Ok(None),
        },
        Subject::Dispute(dispute) => EventSubject::Dispute(from_dispute(*dispute)?),
        Subject::Other => return Ok(None),
    };
    let subject = match subject {
        EventSubject::Payment(payment)
            if event.kind == PAYMENT_FAILED
                && payment.provider_status == "requires_payment_method" =>
        {
            EventSubject::Payment(Payment { status: PaymentStatus::Rejected, ..payment })
        }
        subject => subject,
    };
    Ok(Some(ContractEvent {
        id: event.id,
        event_type: event.kind,
        occurred_at: event.created,
        subject,
        authority: Authority::Signed,
    }))
}
