//! The event in the body of a genuine delivery.

use crate::bindings::brain_studio::payments::types::{
    DeliveredEvent, IgnoredDelivery, Installation, Mode, Problem, WebhookOutcome,
};
use crate::event_types::PAYMENT_EVENTS;
use crate::payments::from_event;
use crate::problem::problem;
use crate::stripe::{Event, FromJson as _, Subject, parse};

/// Why the body of a genuine delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is no Stripe event.
    Malformed,
    /// It is a thin event, which does not contain the payment.
    Thin,
    /// Its PaymentIntent lacks a required field.
    Incomplete,
}

/// Reads the body of a genuine delivery.
pub fn read(installation: &Installation, body: &[u8]) -> Result<WebhookOutcome, BodyError> {
    let document = parse(body).ok_or(BodyError::Malformed)?;
    let json = document.root();
    match json.str("object") {
        Some("event") => {}
        Some("v2.core.event") => return Err(BodyError::Thin),
        _ => return Err(BodyError::Malformed),
    }
    let event = Event::from_json(json).ok_or(BodyError::Malformed)?;
    if !PAYMENT_EVENTS.contains(&event.kind.as_str()) {
        return Ok(ignored(
            "event-type-ignored",
            format!("Events of the type {} do not change a payment.", event.kind),
        ));
    }
    if event.livemode != (installation.mode == Mode::Live) {
        let (theirs, ours) = if event.livemode { ("live", "test") } else { ("test", "live") };
        return Ok(ignored(
            "other-mode",
            format!("The event is from {theirs} mode and the installation is in {ours} mode."),
        ));
    }
    if !matches!(event.subject, Subject::Intent(_)) {
        return Err(BodyError::Incomplete);
    }
    let event = from_event(event, installation).map_err(|_| BodyError::Incomplete)?;
    Ok(event.map_or_else(
        || {
            let message =
                "The payment belongs to another workspace that uses the same Stripe account.";
            ignored("other-workspace", message.to_owned())
        },
        |event| WebhookOutcome::Event(DeliveredEvent { verified: true, event }),
    ))
}

fn ignored(code: &str, message: String) -> WebhookOutcome {
    WebhookOutcome::Ignored(IgnoredDelivery { verified: true, reason: problem(code, message, &[]) })
}

impl BodyError {
    /// The problem for a person.
    pub fn problem(self) -> Problem {
        match self {
            Self::Malformed => problem(
                "body-malformed",
                "The delivery is genuine, but its body is not a Stripe event.",
                &[
                    "Check that the webhook's destination in Stripe is of the type Webhook endpoint.",
                ],
            ),
            Self::Thin => problem(
                "thin-event",
                "The delivery is genuine, but it is a thin event, which does not contain the payment.",
                &[
                    "In Stripe, open Workbench → Webhooks and choose the destination that sent this.",
                    "Delete it, and create one whose events have the payload style Snapshot.",
                ],
            ),
            Self::Incomplete => problem(
                "body-malformed",
                "The delivery is genuine, but it lacks the amount or the status of its payment.",
                &["Find the payment in Stripe's Dashboard."],
            ),
        }
    }
}
