//! Listing what happened, whether it was delivered or not.

use serde::Deserialize;

use crate::api::{is_id, read, refused, unreadable};
use crate::bindings::brain_studio::payments::types::{
    Authority, Event, EventPage, EventQuery, EventSubject, Installation, ProviderError,
};
use crate::payments::ApiPayment;
use crate::refunds::ApiRefund;

/// The largest page that Andes Pay gives. Made up: take your provider's.
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
                "No page of events starts there.",
                "List the events from the beginning.",
            ));
        }
        path = format!("{path}&cursor={cursor}");
    }
    let page: Page = read(installation.mode, &path)?;
    let events = page.data.into_iter().filter_map(|event| event.read(installation).transpose());
    Ok(EventPage {
        events: events.collect::<Result<_, _>>()?,
        cursor: page.next,
        as_of: page.as_of,
    })
}

impl ApiEvent {
    /// The contract's event. None: it belongs to another workspace that uses the same store. A payment or a refund
    /// that cannot be read is an error: as something else, the host would ignore it, and nobody would know.
    fn read(self, installation: &Installation) -> Result<Option<Event>, ProviderError> {
        let subject = match (self.payment, self.refund) {
            (Some(payment), _) if payment.is_of_another_workspace(installation) => return Ok(None),
            (_, Some(refund)) if refund.is_of_another_workspace(installation) => return Ok(None),
            (Some(payment), None) => payment.read(installation).map(EventSubject::Payment),
            (None, Some(refund)) => refund.read(installation).map(EventSubject::Refund),
            (Some(_), Some(_)) => None,
            (None, None) => Some(EventSubject::Other(self.r#type.clone())),
        };
        Ok(Some(Event {
            id: self.id,
            event_type: self.r#type,
            occurred_at: self.created_at,
            subject: subject.ok_or_else(|| unreadable(false))?,
            authority: Authority::Signed,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::bindings::brain_studio::payments::types::{
        Mode, Verification, WebhookOwner, WebhookRegistration,
    };

    fn installation() -> Installation {
        Installation {
            installation_id: "installation".to_owned(),
            workspace: "shop".to_owned(),
            mode: Mode::Test,
            account: None,
            webhook: WebhookRegistration {
                endpoint_id: None,
                url: String::new(),
                owner: WebhookOwner::Merchant,
                verification: Verification::ByPlugin,
                signing_secrets: Vec::new(),
                problem: None,
            },
            extras: Vec::new(),
        }
    }

    fn refund(amount: &str, workspace: &str) -> Value {
        json!({
            "id": "ref_1", "payment": "pay_1", "status": "done", "amount": amount, "currency": "USD",
            "workspace": workspace, "created_at": 1, "updated_at": 1,
        })
    }

    /// What an event becomes: its subject, nothing, or an error.
    fn kind(refund: &Value) -> &'static str {
        let event =
            json!({ "id": "evt_1", "type": "refund.updated", "created_at": 1, "refund": refund });
        let event: ApiEvent = serde_json::from_value(event).unwrap();
        match event.read(&installation()).map(|event| event.map(|event| event.subject)) {
            Ok(Some(EventSubject::Refund(_))) => "refund",
            Ok(Some(EventSubject::Other(_))) => "other",
            Ok(Some(_)) => "payment",
            Ok(None) => "nothing",
            Err(_) => "error",
        }
    }

    #[test]
    fn event_that_cannot_be_read_is_not_left_out() {
        let rows = [
            (refund("3.00", "shop"), "refund"),
            (refund("3,00", "shop"), "error"),
            (refund("3,00", "another"), "nothing"),
            (Value::Null, "other"),
        ];
        for (refund, expected) in rows {
            assert_eq!(kind(&refund), expected, "{refund}");
        }
    }
}
