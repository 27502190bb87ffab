//! What a genuine delivery says.

use crate::bindings::brain_studio::payments::types::{
    Authority, Installation, Mode, PaymentEvent, PaymentStatus, Problem, WebhookOutcome,
};
use crate::payments::from_intent;
use crate::problem::problem;
use crate::stripe::{Json, PaymentIntent, Read};

/// The types of event that carry a payment. The guide's three are among them; the others come from
/// endpoints that were made by hand.
const PAYMENT_EVENTS: [&str; 6] = [
    "payment_intent.succeeded",
    "payment_intent.requires_action",
    PAYMENT_FAILED,
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
];
/// One attempt has failed.
const PAYMENT_FAILED: &str = "payment_intent.payment_failed";

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

/// A snapshot event.
struct Event<'a> {
    id: &'a str,
    kind: &'a str,
    created: u64,
    livemode: bool,
    object: &'a Json<'a>,
}

impl<'a> Event<'a> {
    fn of(json: &'a Json) -> Option<Self> {
        Some(Self {
            id: json.str("id")?,
            kind: json.str("type")?,
            created: json.number("created")?,
            livemode: json.flag("livemode")?,
            object: json.field("data").field("object"),
        })
    }
}

/// Reads the body of a genuine delivery.
pub fn read(installation: &Installation, body: &[u8]) -> Result<WebhookOutcome, BodyProblem> {
    let json = Json::parse(body).ok_or(BodyProblem::Malformed)?;
    match json.str("object") {
        Some("event") => {}
        Some("v2.core.event") => return Err(BodyProblem::Thin),
        _ => return Err(BodyProblem::Malformed),
    }
    let event = Event::of(&json).ok_or(BodyProblem::Malformed)?;
    if !PAYMENT_EVENTS.contains(&event.kind) {
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
    let intent = PaymentIntent::read(event.object).ok_or(BodyProblem::Incomplete)?;
    if intent.metadata.is_of_another_workspace(installation) {
        return Ok(ignored(
            "other-workspace",
            "The payment belongs to another workspace that uses the same Stripe account."
                .to_owned(),
        ));
    }
    let mut payment = from_intent(intent, installation).map_err(|_| BodyProblem::Incomplete)?;
    let is_waiting_for_another_attempt = payment.provider_status == "requires_payment_method";
    if event.kind == PAYMENT_FAILED && is_waiting_for_another_attempt {
        payment.status = PaymentStatus::Rejected;
    }
    Ok(WebhookOutcome::Payment(PaymentEvent {
        event_id: event.id.to_owned(),
        event_type: event.kind.to_owned(),
        occurred_at: event.created,
        payment,
        authority: Authority::Signed,
    }))
}

fn ignored(code: &str, message: String) -> WebhookOutcome {
    WebhookOutcome::Ignored(problem(code, message, &[]))
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
