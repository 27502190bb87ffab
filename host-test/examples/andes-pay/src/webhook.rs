//! Deliveries. They hold ids only: the signature is checked, then the payment or the refund is read.
//!
//! `andes-signature` is the HMAC-SHA256 of `<andes-timestamp>.<raw body>` in 64 lower-case hexadecimal digits; its
//! key is the text of the webhook's signing secret.

use hmac::digest::{CtOutput, KeyInit, Mac};
use serde::Deserialize;

use crate::api::{is_id, problem, problem_of, unreadable};
use crate::bindings::brain_studio::payments::types::{
    Authority, DeliveredEvent, Event, EventSubject, IgnoredDelivery, Installation, PaymentHint,
    Problem, ProviderError, WebhookError, WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use crate::{payments, refunds};

type Hmac = hmac::Hmac<sha2::Sha256>;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "andes-signature";
/// The header with the time at which it was signed, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "andes-timestamp";

/// How far that time may be from the host's clock, in seconds, in both directions. Made up: take your
/// provider's.
const TOLERANCE: u64 = 300;

const CHECK_THE_SECRET: &str = "In the dashboard, open Settings → Webhooks, copy the signing secret (whk_...), and install again with it.";

/// The body of a delivery.
#[derive(Deserialize)]
struct Delivery {
    id: String,
    r#type: String,
    payment: String,
    refund: Option<String>,
}

impl Delivery {
    /// None: it is none, or holds something else than ids.
    fn read(body: &[u8]) -> Option<Self> {
        let delivery: Self = serde_json::from_slice(body).ok()?;
        let has_ids = is_id(&delivery.id)
            && is_id(&delivery.payment)
            && delivery.refund.as_deref().is_none_or(is_id);
        has_ids.then_some(delivery)
    }
}

/// Reads which payment a delivery may be about. Nothing of it is believed.
pub fn identify(request: &WebhookRequest) -> WebhookIdentity {
    WebhookIdentity {
        installation: None,
        account: None,
        reference: None,
        payment: Delivery::read(&request.body).map(|delivery| delivery.payment),
        mode: None,
    }
}

/// Verifies a delivery received at `now`, and asks Andes Pay what it is about. Without a signing secret it is only a
/// hint.
pub fn handle(
    now: u64,
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<WebhookOutcome, WebhookError> {
    let secrets = &installation.webhook.signing_secrets;
    let delivery = Delivery::read(&request.body);
    if let (true, Some(delivery)) = (secrets.is_empty(), &delivery) {
        let payment = delivery.payment.clone();
        return Ok(WebhookOutcome::Hint(PaymentHint { payment, mode: None }));
    }
    verify(secrets, request, now)?;
    let Some(delivery) = delivery else {
        return Err(WebhookError::Refused(problem(
            "body-malformed",
            "The delivery is genuine, but it does not hold the ids of an event and a payment.",
            "Find the payment in the dashboard.",
        )));
    };
    // Andes Pay delivers again what was not accepted.
    about(installation, delivery).map_err(|error| WebhookError::Unavailable(problem_of(error)))
}

/// Asks Andes Pay what a genuine delivery is about.
fn about(installation: &Installation, delivery: Delivery) -> Result<WebhookOutcome, ProviderError> {
    let changes_nothing =
        |code, message| Ok(ignored(problem(code, message, "You do not have to do anything.")));
    let is_of_another_workspace = || {
        let message = "The payment belongs to another workspace that uses the same store.";
        changes_nothing("other-workspace", message)
    };
    // The subject as it is now, and when it last changed.
    let (subject, occurred_at) = match (delivery.r#type.as_str(), &delivery.refund) {
        ("payment.updated", _) => {
            let payment = payments::fetch(installation.mode, &delivery.payment)?;
            if payment.is_of_another_workspace(installation) {
                return is_of_another_workspace();
            }
            let updated_at = payment.updated_at;
            (payment.read(installation).map(EventSubject::Payment), updated_at)
        }
        ("refund.updated", Some(id)) => {
            let refund = refunds::fetch(installation.mode, id)?;
            if refund.is_of_another_workspace(installation) {
                return is_of_another_workspace();
            }
            let updated_at = refund.updated_at;
            (refund.read(installation).map(EventSubject::Refund), updated_at)
        }
        _ => {
            let message = "Deliveries of this type change no payment.";
            return changes_nothing("event-type-ignored", message);
        }
    };
    let subject = subject.ok_or_else(|| unreadable(false))?;
    let (id, event_type, authority) = (delivery.id, delivery.r#type, Authority::Fetched);
    let event = Event { id, event_type, occurred_at, subject, authority };
    Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }))
}

fn ignored(reason: Problem) -> WebhookOutcome {
    WebhookOutcome::Ignored(IgnoredDelivery { verified: true, reason })
}

/// Verifies the signature first, and then its age.
fn verify(secrets: &[String], request: &WebhookRequest, now: u64) -> Result<(), WebhookError> {
    let refused = |code, message, step| WebhookError::Refused(problem(code, message, step));
    let pass_on = "If a proxy is before this URL, let it pass the delivery's headers on unchanged.";
    if secrets.is_empty() {
        let message = "No signing secret is known, so the delivery cannot be verified.";
        return Err(refused("secret-missing", message, CHECK_THE_SECRET));
    }
    let (Some(time), Some(signature)) =
        (header(request, TIMESTAMP_HEADER), header(request, SIGNATURE_HEADER))
    else {
        let message =
            "The delivery does not have exactly one signature and one time, so it is not genuine.";
        return Err(refused("signature-missing", message, pass_on));
    };
    // Plain digits only: `u64` would also take a plus sign.
    let signed_at =
        time.bytes().all(|byte| byte.is_ascii_digit()).then(|| time.parse::<u64>().ok());
    let mut tag = [0; 32];
    let is_tag = base16ct::lower::decode(signature, &mut tag).is_ok_and(|tag| tag.len() == 32);
    let (Some(Some(signed_at)), true) = (signed_at, is_tag) else {
        let message = "The signature or the time of the delivery cannot be read.";
        return Err(refused("signature-malformed", message, pass_on));
    };
    let tag = CtOutput::<Hmac>::new(tag.into());
    let is_signed_with = |secret: &String| {
        let mac = Hmac::new_from_slice(secret.as_bytes()).ok();
        let mac =
            mac.map(|mac| mac.chain_update(time).chain_update(b".").chain_update(&request.body));
        // The comparison takes the same time whether it fits or not.
        mac.is_some_and(|mac| mac.finalize() == tag)
    };
    if !secrets.iter().any(is_signed_with) {
        return Err(WebhookError::Unverified(problem(
            "signature-mismatch",
            "The delivery was not signed with the signing secret of this installation, or was changed on the way.",
            CHECK_THE_SECRET,
        )));
    }
    let check_the_clock = "Check the clock of the computer that receives it.";
    if now.saturating_sub(signed_at) > TOLERANCE {
        let message = "The delivery is genuine, but was signed more than five minutes ago.";
        return Err(refused("timestamp-too-old", message, check_the_clock));
    }
    if signed_at.saturating_sub(now) > TOLERANCE {
        let message =
            "The delivery is genuine, but was signed more than five minutes in the future.";
        return Err(refused("timestamp-in-future", message, check_the_clock));
    }
    Ok(())
}

/// The value of a header that is there exactly once.
fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
    let mut values = request.headers.iter().filter(|(header, _)| header == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whk_test`.
    const SIGNATURE: &str = "b68466442fe4d63a17bf0d2ebe38501996d929b05652140d7e75f88f87eb6d12";

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn code(secrets: &[&str], headers: Headers, body: &str, now: u64) -> String {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (headers, body) = (headers.collect(), body.as_bytes().to_vec());
        let request = WebhookRequest { headers, query: String::new(), body };
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        match verify(&secrets, &request, now) {
            Ok(()) => "genuine".to_owned(),
            Err(
                WebhookError::Refused(problem)
                | WebhookError::Unverified(problem)
                | WebhookError::Unavailable(problem)
                | WebhookError::Other(problem),
            ) => problem.code,
        }
    }

    #[test]
    fn only_a_signature_of_a_known_secret_is_genuine() {
        let (time, body, now) = ("1700000000", r#"{"id":"evt_1"}"#, 1_700_000_000);
        let both = [(TIMESTAMP_HEADER, time), (SIGNATURE_HEADER, SIGNATURE)];
        let upper = SIGNATURE.to_uppercase();
        let rows: [(&[&str], Headers, &str, u64, &str); 12] = [
            (&["whk_test"], &both, body, now, "genuine"),
            (&["whk_new", "whk_test"], &both, body, now, "genuine"),
            (&["whk_test"], &both, body, now + 300, "genuine"),
            (&["whk_test"], &both, body, now - 300, "genuine"),
            (&["whk_test"], &both, body, now + 301, "timestamp-too-old"),
            (&["whk_test"], &both, body, now - 301, "timestamp-in-future"),
            (&["whk_new"], &both, body, now, "signature-mismatch"),
            (&["whk_test"], &both, r#"{"id":"evt_2"}"#, now, "signature-mismatch"),
            (&[], &both, body, now, "secret-missing"),
            (&["whk_test"], &both[1..], body, now, "signature-missing"),
            (
                &["whk_test"],
                &[(TIMESTAMP_HEADER, "+1700000000"), both[1]],
                body,
                now,
                "signature-malformed",
            ),
            (
                &["whk_test"],
                &[both[0], (SIGNATURE_HEADER, &upper)],
                body,
                now,
                "signature-malformed",
            ),
        ];
        for (number, (secrets, headers, body, now, expected)) in rows.into_iter().enumerate() {
            assert_eq!(code(secrets, headers, body, now), expected, "row {number}");
        }
        let twice = [both[0], both[1], both[1]];
        assert_eq!(code(&["whk_test"], &twice, body, now), "signature-missing");
    }
}
