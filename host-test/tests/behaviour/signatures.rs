//! Deliveries one by one, through the real component.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fake_provider::signature;
use host_test::contract::types::{
    DeliveredEvent, EventSubject, IgnoredDelivery, Installation, Payment, WebhookError,
    WebhookOutcome, WebhookRequest,
};
use host_test::egress::Egress;
use host_test::plugin::Plugin;
use serde::Deserialize;

use super::host::plugin;

const WORKSPACE: &str = "a-workspace";

/// The codes of what is refused, by the vectors' names.
const CODES: [(&str, &str); 31] = [
    ("expired_301s", "timestamp-too-old"),
    ("future_1year", "timestamp-in-future"),
    ("tampered_one_byte", "signature-mismatch"),
    ("reserialized_compact", "signature-mismatch"),
    ("crlf_mangled", "signature-mismatch"),
    ("bom_added_after_signing", "signature-mismatch"),
    ("wrong_secret", "signature-mismatch"),
    ("secret_trailing_space", "signature-mismatch"),
    ("empty_secret_signed_empty", "secret-blank"),
    ("missing_header", "signature-missing"),
    ("garbage_header", "signature-malformed"),
    ("no_timestamp", "signature-malformed"),
    ("t_without_equals", "signature-malformed"),
    ("nonnumeric_timestamp", "signature-malformed"),
    ("negative_timestamp", "signature-malformed"),
    ("float_timestamp", "signature-malformed"),
    ("leading_zero_timestamp", "signature-malformed"),
    ("hex_suffix_timestamp", "signature-malformed"),
    ("overflow_timestamp", "signature-malformed"),
    ("duplicate_t_valid_first", "signature-malformed"),
    ("no_v1", "signature-scheme-missing"),
    ("v0_only", "signature-scheme-missing"),
    ("empty_v1", "signature-mismatch"),
    ("bad_v1_wrong_hex", "signature-mismatch"),
    ("v1_extra_char", "signature-mismatch"),
    ("v1_trailing_space", "signature-mismatch"),
    ("invalid_utf8_signed", "body-malformed"),
    ("non_json_signed", "body-malformed"),
    ("json_null_signed", "body-malformed"),
    ("thin_event_v2", "thin-event"),
    ("payment_without_amount", "body-malformed"),
];

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    body_base64: String,
    header: Option<String>,
    secret: String,
    received_at: u64,
    expect: String,
    outcome: Option<String>,
    payment: Option<ExpectedPayment>,
}

#[derive(Deserialize)]
struct ExpectedPayment {
    status: String,
}

#[derive(Deserialize)]
struct SdkDelivery {
    file: String,
    secret: String,
    received_at: u64,
    header: String,
    status: String,
    amount: u64,
    currency: String,
}

async fn handle(
    plugin: &Plugin,
    secrets: &str,
    header: Option<&str>,
    received_at: u64,
    body: &[u8],
) -> Result<WebhookOutcome, WebhookError> {
    let secrets = secrets.split(',').map(str::to_owned).collect();
    let name = plugin.manifest().signature_headers[0].clone();
    let request = WebhookRequest {
        headers: header.map(|value| (name, value.to_owned())).into_iter().collect(),
        query: String::new(),
        body: body.to_owned(),
    };
    let installation =
        Installation { workspace: WORKSPACE.to_owned(), ..Installation::ad_hoc(secrets) };
    plugin
        .handle_webhook(Egress::none().into(), received_at, &installation, &request)
        .await
        .unwrap()
}

/// The payment of a verified event.
fn verified(outcome: &Result<WebhookOutcome, WebhookError>) -> Option<&Payment> {
    match outcome {
        Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event })) => {
            match &event.subject {
                EventSubject::Payment(payment) => Some(payment),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Why a genuine delivery is ignored.
fn ignored(outcome: &Result<WebhookOutcome, WebhookError>) -> Option<&str> {
    match outcome {
        Ok(WebhookOutcome::Ignored(IgnoredDelivery { verified: true, reason })) => {
            Some(&reason.code)
        }
        _ => None,
    }
}

fn payment(outcome: Result<WebhookOutcome, WebhookError>) -> Payment {
    match outcome {
        Ok(_) => verified(&outcome).unwrap().clone(),
        Err(error) => panic!("{}", error.problem().code),
    }
}

#[tokio::test]
async fn signature_vectors() {
    let plugin = plugin().await;
    let json = include_str!("../fixtures/signature-vectors.json");
    let Vectors { vectors } = serde_json::from_str(json).unwrap();
    assert_eq!(vectors.len(), 46);
    for vector in vectors {
        let body = BASE64_STANDARD.decode(&vector.body_base64).unwrap();
        let header = vector.header.as_deref();
        let outcome = handle(&plugin, &vector.secret, header, vector.received_at, &body).await;
        let code = outcome.as_ref().err().map(|error| error.problem().code.clone());
        let expected = CODES.iter().find(|(name, _)| *name == vector.name).map(|(_, code)| *code);
        assert_eq!(code.as_deref(), expected, "{}", vector.name);
        let (verdict, kind, status) = match (verified(&outcome), ignored(&outcome), &outcome) {
            (Some(payment), ..) => ("accept", Some("payment"), Some(payment.status.as_str())),
            (_, Some(_), _) => ("accept", Some("ignored"), None),
            (.., Err(WebhookError::Refused(_) | WebhookError::Unverified(_))) => {
                ("refuse", None, None)
            }
            _ => panic!("{}: neither taken nor refused", vector.name),
        };
        assert_eq!(verdict, vector.expect, "{}", vector.name);
        assert_eq!(kind, vector.outcome.as_deref(), "{}", vector.name);
        let expected = vector.payment.as_ref().map(|payment| payment.status.as_str());
        assert_eq!(status, expected, "{}", vector.name);
    }
}

#[tokio::test]
async fn deliveries_of_stripes_sdk_verify() {
    let plugin = plugin().await;
    let json = include_str!("../fixtures/sdk-deliveries.json");
    let deliveries: Vec<SdkDelivery> = serde_json::from_str(json).unwrap();
    assert_eq!(deliveries.len(), 8);
    for delivery in deliveries {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/payloads/");
        let body = std::fs::read(format!("{folder}{}", delivery.file)).unwrap();
        let header = Some(delivery.header.as_str());
        let taken =
            payment(handle(&plugin, &delivery.secret, header, delivery.received_at, &body).await);
        assert_eq!(taken.status.as_str(), delivery.status, "{}", delivery.file);
        assert_eq!(taken.amount.minor_units, delivery.amount, "{}", delivery.file);
        assert_eq!(taken.amount.currency, delivery.currency, "{}", delivery.file);
        let is_paid = delivery.status == "approved";
        let received = if is_paid { delivery.amount } else { 0 };
        assert_eq!(taken.received, received, "{}", delivery.file);
        assert_eq!(taken.failure.is_some(), delivery.status == "rejected", "{}", delivery.file);
    }
}

#[tokio::test]
async fn hostile_json_is_read_safely() {
    let plugin = plugin().await;
    let body = include_str!("../fixtures/payloads/bench.payment_intent.succeeded.3k.json");
    let rest = body.trim_end().strip_suffix('}').unwrap();
    let code = async |body: String| {
        let header = signature("secret", false, body.as_bytes(), 1000);
        let outcome = handle(&plugin, "secret", Some(&header), 1000, body.as_bytes()).await;
        match (verified(&outcome), ignored(&outcome), &outcome) {
            (Some(_), ..) => "payment".to_owned(),
            (_, Some(code), _) => code.to_owned(),
            (.., Err(error)) => error.problem().code.clone(),
            _ => panic!("neither taken nor refused"),
        }
    };
    assert_eq!(code(format!("{rest}}}")).await, "payment");
    assert_eq!(code(format!("{rest},\"livemode\":true}}")).await, "other-mode");
    let deep = |depth: usize| format!("{rest},\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(code(deep(120)).await, "payment");
    assert_eq!(code(deep(100_000)).await, "body-malformed");
}

#[tokio::test]
async fn event_of_other_workspace_or_mode_is_ignored() {
    let plugin = plugin().await;
    let body = include_str!("../fixtures/payloads/bench.payment_intent.succeeded.3k.json");
    let tagged = |workspace: &str| {
        let metadata = format!(
            "\"metadata\": {{\"brain_studio_workspace\":\"{workspace}\",\"brain_studio_reference\":\"r\","
        );
        body.replacen("\"metadata\": {", &metadata, 1)
    };
    let handled = async |body: String| {
        let header = signature("secret", false, body.as_bytes(), 1000);
        handle(&plugin, "secret", Some(&header), 1000, body.as_bytes()).await
    };
    assert_eq!(payment(handled(tagged(WORKSPACE)).await).reference.as_deref(), Some("r"));
    assert_eq!(ignored(&handled(tagged("other")).await), Some("other-workspace"));
    let live = body.replace("\"livemode\": false", "\"livemode\": true");
    assert_eq!(ignored(&handled(live).await), Some("other-mode"));
}
