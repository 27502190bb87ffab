//! Listing what happened, whether it was delivered or not.

use serde::Deserialize;

use crate::api::{is_id, read, refused};
use crate::bindings::brain_studio::payments::types::{
    Authority, Event, EventPage, EventQuery, EventSubject, Installation, ProviderError,
};
use crate::payments::ApiPayment;
use crate::refunds::ApiRefund;

/// The largest page that Andes Pay gives. Source: Andes Pay's documentation.
const LARGEST_PAGE: u32 = 100;

#[derive(Deserialize)]
struct Page {
    data: Vec<ApiEvent>,
    /// Where the next, older page starts.
    next: Option<String>,
    /// Andes Pay's clock.
    as_of: u64,
}

/// One event, with the payment or the refund as it was then.
#[derive(Deserialize)]
struct ApiEvent {
    id: String,
    r#type: String,
    created_at: u64,
    payment: Option<ApiPayment>,
    refund: Option<ApiRefund>,
}

/// Lists a page of events, the newest first.
pub fn list(installation: &Installation, query: &EventQuery) -> Result<EventPage, ProviderError> {
    let limit = query.limit.clamp(1, LARGEST_PAGE);
    let mut path = format!("/v1/events?since={}&limit={limit}", query.since);
    if let Some(cursor) = &query.cursor {
        if !is_id(cursor) {
            return Err(refused(
                "provider-refused",
                "This is not where a page of events of Andes Pay starts.",
                "List the events from the beginning.",
            ));
        }
        path = format!("{path}&cursor={cursor}");
    }
    let page: Page = read(installation.mode, &path)?;
    let events = page.data.into_iter().filter_map(|event| event.read(installation));
    Ok(EventPage { events: events.collect(), cursor: page.next, as_of: page.as_of })
}

impl ApiEvent {
    /// The contract's event. None: it belongs to another workspace that uses the same store.
    fn read(self, installation: &Installation) -> Option<Event> {
        let is_others =
            self.payment.as_ref().is_some_and(|it| it.is_of_another_workspace(installation))
                || self.refund.as_ref().is_some_and(|it| it.is_of_another_workspace(installation));
        let payment = self.payment.and_then(|payment| payment.read(installation));
        let refund = self.refund.and_then(|refund| refund.read(installation));
        let subject = match (payment, refund) {
            _ if is_others => return None,
            (Some(payment), None) => EventSubject::Payment(payment),
            (None, Some(refund)) => EventSubject::Refund(refund),
            _ => EventSubject::Other(self.r#type.clone()),
        };
        Some(Event {
            id: self.id,
            event_type: self.r#type,
            occurred_at: self.created_at,
            subject,
            authority: Authority::Signed,
        })
    }
}
