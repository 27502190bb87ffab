//! Why a delivery is not verified: each cause by its name, and no other.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fake_provider::signature;
use host_test::contract::types::{Installation, WebhookRequest};
use host_test::delivery_causes::{Delivery, causes, fitting_secret, verify};
use host_test::plugin::Plugin;

use super::host::{compiler, plugin};
use super::hostile;

const SECRET: &str = "whsec_ofTheCauses1234";
const SIGNED_AT: u64 = 1_793_000_000;
const BODY: &str = include_str!("../fixtures/payloads/bench.payment_intent.succeeded.3k.json");

/// A delivery in test mode, signed at a time.
fn delivery(secrets: &str, signed: &str, received: impl Into<Vec<u8>>) -> Delivery {
    let header = signature(SECRET, false, signed.as_bytes(), SIGNED_AT);
    Delivery {
        received_at: SIGNED_AT + 2,
        installation: Installation::ad_hoc(secrets.split(',').map(str::to_owned).collect()),
        request: WebhookRequest {
            headers: vec![("stripe-signature".to_owned(), header)],
            query: String::new(),
            body: received.into(),
        },
    }
}

fn genuine(secrets: &str) -> Delivery {
    delivery(secrets, BODY, BODY)
}

fn with_header(value: impl Fn(&str) -> String) -> Delivery {
    let mut delivery = genuine(SECRET);
    delivery.request.headers[0].1 = value(&delivery.request.headers[0].1);
    delivery
}

fn received_at(time: u64) -> Delivery {
    Delivery { received_at: time, ..genuine(SECRET) }
}

/// The codes of the causes, and what a person reads. `None`: the delivery is accepted.
async fn found(delivery: &Delivery) -> Option<(Vec<String>, String)> {
    let plugin = plugin().await;
    let refused = verify(&plugin, delivery, plugin.offline_call()).await.unwrap().err()?;
    let causes = causes(&plugin, delivery, &refused).await.unwrap();
    let texts = causes.iter().flat_map(|cause| cause.remedy.iter().chain([&cause.message]));
    let text = texts.map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(causes.iter().all(|cause| !cause.remedy.is_empty()));
    Some((causes.into_iter().map(|cause| cause.code).collect(), text))
}

#[tokio::test]
async fn refused_delivery_is_explained_by_its_cause() {
    let compact = serde_json::from_str::<serde_json::Value>(BODY).unwrap().to_string();
    let accented = BODY.replace("(created by Stripe CLI)", "Größe 🎉");
    assert_ne!(accented, BODY);
    let live = BODY.replace("\"livemode\": false", "\"livemode\": true");
    let thin = r#"{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered"}"#;
    let nested = |text: &str| text.replace('\n', "\r\n");
    let mut missing = genuine(SECRET);
    missing.request.headers.clear();
    let rows: Vec<(&str, Delivery, &[&str])> = vec![
        ("space", genuine(&format!("{SECRET} ")), &["secret-white-space"]),
        ("line break", genuine(&format!("{SECRET}\r\n")), &["secret-white-space"]),
        ("invisible", genuine(&format!("\u{feff}{SECRET}")), &["secret-white-space"]),
        (
            "second of two",
            genuine(&format!("whsec_anotherOne12345, {SECRET}")),
            &["secret-white-space"],
        ),
        ("quotes", genuine(&format!("\"{SECRET}\"")), &["secret-quoted"]),
        ("blank one", genuine(&format!("{SECRET},")), &["secret-blank"]),
        ("API key", genuine("sk_test_51NotASigningSecret"), &["secret-of-another-kind"]),
        ("endpoint id", genuine("we_1AnEndpointOfSomebody"), &["secret-of-another-kind"]),
        ("another secret", genuine("whsec_anotherOne12345"), &[]),
        ("no secret", genuine(""), &["secret-blank"]),
        ("other mode", delivery("whsec_anotherOne12345", &live, live.clone()), &["other-mode"]),
        ("newline gone", delivery(SECRET, &format!("{BODY}\n"), BODY), &["body-line-end"]),
        (
            "newline added",
            delivery(SECRET, BODY.trim_end(), format!("{BODY}\n\n")),
            &["body-line-end"],
        ),
        ("CR LF", delivery(SECRET, BODY, nested(BODY)), &["body-line-breaks"]),
        ("compact", delivery(SECRET, BODY.trim_end(), reordered(BODY)), &["body-reformatted"]),
        ("sorted", delivery(SECRET, &compact, BODY), &["body-sorted"]),
        ("escaped", delivery(SECRET, &accented, ascii(&accented)), &["body-escapes"]),
        ("Base64", delivery(SECRET, BODY, BASE64_STANDARD.encode(BODY)), &["body-base64"]),
        ("Latin-1", delivery(SECRET, &accented, latin(&accented)), &["body-encoding"]),
        (
            "byte order mark",
            delivery(SECRET, BODY, format!("\u{feff}{BODY}")),
            &["body-byte-order-mark"],
        ),
        ("changed", delivery(SECRET, BODY, BODY.replace("2000", "9000")), &[]),
        ("too old", received_at(SIGNED_AT + 1000), &["timestamp-too-old"]),
        ("in the future", received_at(SIGNED_AT - 1000), &["timestamp-in-future"]),
        ("header with quotes", with_header(|value| format!(" '{value}'")), &["header-altered"]),
        (
            "header with name",
            with_header(|value| format!("Stripe-Signature: {value}")),
            &["header-altered"],
        ),
        ("no header", missing, &["header-missing"]),
        ("no v1", with_header(|value| value.replace("v1=", "v0=")), &["signature-scheme-missing"]),
        ("no time", with_header(|_| "v1=00".to_owned()), &["signature-malformed"]),
        ("thin event", delivery(SECRET, thin, thin), &["thin-event"]),
        (
            "two at once",
            Delivery {
                received_at: SIGNED_AT + 1000,
                ..delivery(&format!(" {SECRET}"), BODY, nested(BODY))
            },
            &["body-line-breaks", "secret-white-space", "timestamp-too-old"],
        ),
    ];
    for (name, delivery, expected) in rows {
        let (codes, text) = found(&delivery).await.unwrap();
        assert_eq!(codes, expected, "{name}: {text}");
        assert!(!text.contains("ofTheCauses"), "{name}: {text}");
    }
    assert_eq!(found(&genuine(SECRET)).await, None);
}

#[tokio::test]
async fn cause_says_which_secret_and_how_long() {
    let second = genuine(&format!("whsec_anotherOne12345, {SECRET}"));
    assert!(found(&second).await.unwrap().1.contains("Signing secret 2 has white space"));
    let (_, text) = found(&received_at(SIGNED_AT + 1000)).await.unwrap();
    assert!(text.contains("1000 seconds before"), "{text}");
    assert!(text.contains(&format!("--received-at {SIGNED_AT}")), "{text}");
    let fits = genuine(&format!("whsec_anotherOne12345,{SECRET}"));
    assert_eq!(fitting_secret(&plugin().await, &fits).await.unwrap(), Some(2));
}

/// A provider with two headers, whose plugin asks it about what was delivered.
#[tokio::test]
async fn causes_are_found_for_any_provider() {
    let component = include_bytes!(env!("ANDES_PAY_COMPONENT"));
    let plugin = Plugin::load(component, &compiler()).await.unwrap();
    let (secret, body) =
        ("whk_OfTheOtherProvider", r#"{"id":"evt-1","type":"payment.updated","payment":"pay-1"}"#);
    let signature = andes_pay_fake::signature(secret, &SIGNED_AT.to_string(), body.as_bytes());
    let delivery = |secret: &str, received_at: u64, body: &str, is_whole: bool| {
        let time = ("andes-timestamp".to_owned(), SIGNED_AT.to_string());
        let signature = ("andes-signature".to_owned(), signature.clone());
        Delivery {
            received_at,
            installation: Installation::ad_hoc(vec![secret.to_owned()]),
            request: WebhookRequest {
                headers: [time, signature].into_iter().skip(usize::from(!is_whole)).collect(),
                query: String::new(),
                body: body.as_bytes().to_vec(),
            },
        }
    };
    let token = "andes_TokenOfTheMerchant";
    let rows = [
        (delivery(secret, SIGNED_AT, body, true), "provider-not-asked"),
        (delivery("whk_OfTheOtherProvider ", SIGNED_AT, body, true), "secret-white-space"),
        (delivery(token, SIGNED_AT, body, true), "secret-of-another-kind"),
        (delivery(secret, SIGNED_AT + 999, body, true), "timestamp-too-old"),
        (delivery(secret, SIGNED_AT - 999, body, true), "timestamp-in-future"),
        (delivery(secret, SIGNED_AT, &body.replace(',', ", "), true), "body-reformatted"),
        (delivery(secret, SIGNED_AT, body, false), "header-missing"),
    ];
    for (delivery, expected) in rows {
        let outcome = verify(&plugin, &delivery, plugin.offline_call()).await.unwrap();
        let Err(refused) = outcome else { panic!("{expected}: it is accepted") };
        let found = causes(&plugin, &delivery, &refused).await.unwrap();
        let codes: Vec<&str> = found.iter().map(|cause| cause.code.as_str()).collect();
        assert_eq!(codes, [expected]);
    }
}

/// A plugin may check the time first. Then the other causes are found all the same.
#[tokio::test]
async fn causes_are_found_where_the_time_is_checked_first() {
    let component = hostile::component("header=x-signature\ntime-first=yes");
    let plugin = Plugin::load(&component, &compiler()).await.unwrap();
    let delivery = |secrets: &[&str]| Delivery {
        received_at: SIGNED_AT + 1000,
        installation: Installation::ad_hoc(secrets.iter().map(|&one| one.to_owned()).collect()),
        request: WebhookRequest {
            headers: vec![("x-signature".to_owned(), format!("{SIGNED_AT} {SECRET}"))],
            query: String::new(),
            body: b"order-1".to_vec(),
        },
    };
    let spaced = format!("{SECRET} ");
    let rows: [(&[&str], &[&str]); 4] = [
        (&[SECRET], &["timestamp-too-old"]),
        (&[&spaced], &["secret-white-space", "timestamp-too-old"]),
        (&["", SECRET], &["secret-blank", "timestamp-too-old"]),
        // It is not genuine, so nothing is said of its time.
        (&["whsec_anotherOne12345"], &[]),
    ];
    for (secrets, expected) in rows {
        let delivery = delivery(secrets);
        let outcome = verify(&plugin, &delivery, plugin.offline_call()).await.unwrap();
        let found = causes(&plugin, &delivery, &outcome.unwrap_err()).await.unwrap();
        let codes: Vec<&str> = found.iter().map(|cause| cause.code.as_str()).collect();
        assert_eq!(codes, expected, "{secrets:?}");
    }
}

/// JSON without white space, in the same order.
fn reordered(json: &str) -> String {
    let mut in_text = false;
    let keep = |letter: &char| {
        in_text ^= *letter == '"';
        in_text || !letter.is_whitespace()
    };
    json.chars().filter(keep).collect()
}

/// JSON whose letters beyond ASCII are escaped.
fn ascii(json: &str) -> String {
    let escaped = |mut written: String, letter: char| {
        if letter.is_ascii() {
            written.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(written, "\\u{unit:04x}");
            }
        }
        written
    };
    json.chars().fold(String::new(), escaped)
}

/// A text that was read as Latin-1.
fn latin(text: &str) -> String {
    text.bytes().map(char::from).collect()
}
