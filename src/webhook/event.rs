//! What a genuine delivery says.

use crate::bindings::brain_studio::payments::types::{
    DeliveredEvent, IgnoredDelivery, Installation, Mode, Problem, WebhookOutcome,
};
use crate::event_types::PAYMENT_EVENTS;
use crate::payments::from_event;
use crate::problem::problem;
use crate::stripe::{Event, Fields as _, FromJson as _, Subject, parse};

/// Why a genuine delivery is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProblem {
    /// It is no event of Stripe's.
    Malformed,
    /// It is a thin event, which holds no payment.
    Thin,
    /// It is about a payment and does not say what has to be known of it.
    Incomplete,
}

/// Reads the body of a genuine delivery.
pub fn read(installation: &Installation, body: &[u8]) -> Result<WebhookOutcome, BodyProblem> {
    let json = parse(body).ok_or(BodyProblem::Malformed)?;
    match json.str("object") {
        Some("event") => {}
        Some("v2.core.event") => return Err(BodyProblem::Thin),
        _ => return Err(BodyProblem::Malformed),
    }
    let event = Event::from_json(&json).ok_or(BodyProblem::Malformed)?;
    if !PAYMENT_EVENTS.contains(&event.kind.as_str()) {
        return Ok(ignored(
            "event-type-ignored",
            format!("An event of the type {} says nothing that a flow waits for.", event.kind),
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
        return Err(BodyProblem::Incomplete);
    }
    let event = from_event(event, installation).map_err(|_| BodyProblem::Incomplete)?;
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

impl BodyProblem {
    /// What to tell a person.
    pub fn problem(self) -> Problem {
        match self {
            Self::Malformed => problem(
                "body-malformed",
                "The delivery is genuine, and its content is not an event of Stripe's.",
                &[
                    "Check that the webhook's destination in Stripe is of the type Webhook endpoint.",
                ],
            ),
            Self::Thin => problem(
                "thin-event",
                "The delivery is genuine, and is a thin event, which does not hold the payment.",
                &[
                    "In Stripe, open Workbench → Webhooks and choose the destination that sent this.",
                    "Delete it, and create one whose events have the payload style Snapshot.",
                ],
            ),
            Self::Incomplete => problem(
                "body-malformed",
                "The delivery is genuine, and does not say the amount or the state of its payment.",
                &["Look the payment up in Stripe's Dashboard."],
            ),
        }
    }
}
