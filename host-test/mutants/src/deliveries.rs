//! Mutations of deliveries.

use andes_pay::AndesPay;
use andes_pay::bindings::brain_studio::payments::types::{
    Authority, Context, DeliveredEvent, Event, EventSubject, IgnoredDelivery, Installation,
    Problem, WebhookError, WebhookOutcome, WebhookRequest,
};
use andes_pay::bindings::exports::brain_studio::payments::payment_provider::Guest as _;

use crate::mutation::is;

const SIGNATURE_HEADER: &str = "andes-signature";
const TIMESTAMP_HEADER: &str = "andes-timestamp";

pub fn handle(
    mut context: Context,
    installation: Installation,
    request: WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    if is("ignores-deliveries") {
        let reason = Problem {
            code: "event-type-ignored".to_owned(),
            message: "Deliveries are not used.".to_owned(),
            remedy: Vec::new(),
        };
        return Ok(WebhookOutcome::Ignored(IgnoredDelivery { verified: true, reason }));
    }
    let header = |wanted: &str| {
        let found = request.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if is("ignores-the-time") {
        context.now = header(TIMESTAMP_HEADER).parse().unwrap_or(context.now);
    }
    let is_unsigned = header(SIGNATURE_HEADER).is_empty();
    let believed = believe(context, &installation, &request);
    match AndesPay::handle_webhook(context, installation, request) {
        Err(_) if is("believes-forgeries") || is_unsigned && is("believes-unsigned") => believed,
        handled => handled,
    }
}

/// The event that a delivery speaks of, whoever has sent it.
fn believe(
    context: Context,
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    let identity = AndesPay::identify_webhook(context, request.clone());
    let id = identity.payment.unwrap_or_default();
    let payment = AndesPay::get_payment(context, installation.clone(), id);
    let payment = payment.map_err(|_| WebhookError::Refused(unreadable()))?;
    Ok(WebhookOutcome::Event(DeliveredEvent {
        verified: true,
        event: Event {
            id: format!("believed-{}", payment.id),
            event_type: "payment.updated".to_owned(),
            occurred_at: context.now,
            subject: EventSubject::Payment(payment),
            authority: Authority::Signed,
        },
    }))
}

fn unreadable() -> Problem {
    Problem {
        code: "body-malformed".to_owned(),
        message: "The delivery names no payment.".to_owned(),
        remedy: vec!["Find the payment in Andes Pay's dashboard.".to_owned()],
    }
}
