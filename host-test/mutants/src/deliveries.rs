//! Mutations of deliveries.

use andes_pay::AndesPay;
use andes_pay::bindings::brain_studio::payments::types::{
    Authority, Awaited, Context, DeliveredEvent, Event, EventSubject, IgnoredDelivery,
    Installation, PaymentStatus, Problem, WebhookError, WebhookOutcome, WebhookRequest,
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
    if is("needs-a-secret") && installation.webhook.signing_secrets.is_empty() {
        return Err(WebhookError::Refused(unreadable()));
    }
    if is("traps-at-brackets") && request.body.first() == Some(&b'[') {
        // As a parser without a limit of depth.
        std::process::abort();
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
    match AndesPay::handle_webhook(context, installation, request)
        .map(|outcome| changed(outcome, context.now))
    {
        Err(_) if is("believes-forgeries") || is_unsigned && is("believes-unsigned") => believed,
        handled => handled,
    }
}

/// A genuine outcome, as a mutant tells it.
fn changed(mut outcome: WebhookOutcome, now: u64) -> WebhookOutcome {
    let WebhookOutcome::Event(delivered) = &mut outcome else { return outcome };
    if let EventSubject::Payment(payment) = &mut delivered.event.subject {
        if is("delivers-pending") {
            payment.status = PaymentStatus::Pending;
        }
        if is("delivers-nothing-paid") && payment.status == PaymentStatus::Approved {
            payment.status = PaymentStatus::Pending;
            payment.received = 0;
            payment.awaits = Awaited::Provider("The bank has not decided yet.".to_owned());
        }
        if is("delivers-declined-late") {
            payment.status = PaymentStatus::Rejected;
            delivered.event.occurred_at = now;
        }
        if is("renames-deliveries") {
            delivered.event.id = format!("{}-{}", delivered.event.id, payment.provider_status);
        }
    }
    outcome
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
