//! Deliveries over HTTP.

use fake_provider::{UnsentDelivery, signature};
use host_test::contract::types::Verdict;
use host_test::egress::Credentials;
use host_test::marketplace::InstallOptions;
use secrecy::SecretString;
use serde_json::Value;

use super::host::{Host, IS_DECLINED, LIVE_KEY, PAYS, TEST_KEY};

/// A host with one payment that is paid, and its delivery once more, not sent.
async fn paid() -> (Host, UnsentDelivery) {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    (host, delivery)
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or_default()
}

/// The delivery's signature with another time.
fn time_shifted(delivery: &UnsentDelivery, seconds: i64) -> String {
    let (time, rest) = delivery.signature.split_once(',').unwrap();
    let time: i64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    format!("t={},{rest}", time + seconds)
}

#[tokio::test]
async fn forged_delivery_is_refused() {
    let (host, delivery) = paid().await;
    let url = delivery.url.as_str();
    let body = delivery.body.clone();
    let forged = signature("whsec_guessed", false, &body, 1_800_000_000);
    let rows = [
        (None, body.clone(), "signature-missing"),
        (Some(""), body.clone(), "signature-missing"),
        (Some("free text"), body.clone(), "signature-malformed"),
        (Some(forged.as_str()), body.clone(), "signature-mismatch"),
        (Some(delivery.signature.as_str()), b"{}".to_vec(), "signature-mismatch"),
    ];
    for (header, body, expected) in rows {
        let (status, answer) = host.post(url, header, body).await;
        assert_eq!((status, code(&answer)), (400, expected));
        assert_eq!(answer["verdict"], "refused");
    }
    let shifted = time_shifted(&delivery, -1000);
    let (status, answer) = host.post(url, Some(&shifted), body).await;
    assert_eq!((status, code(&answer)), (400, "signature-mismatch"));
    let (status, answer) = host.post(url, Some("t=1,v1=1"), vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((status, code(&answer)), (400, "body-too-large"));
    let elsewhere = "https://x/link-webhook?provider=OTHER";
    let (status, answer) = host.post(elsewhere, None, "{}").await;
    assert_eq!((status, code(&answer)), (400, "provider-unknown"));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn repeated_delivery_counts_once() {
    let (host, delivery) = paid().await;
    for _ in 0..3 {
        let (status, answer) =
            host.post(&delivery.url, Some(&delivery.signature), delivery.body.clone()).await;
        assert_eq!((status, answer["verdict"].as_str()), (200, Some("duplicate")));
    }
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let response = host.client.get(format!("{}/healthz", host.url)).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn foreign_payment_is_ignored() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let session = host
        .tell_stripe(
            TEST_KEY,
            "/v1/checkout/sessions",
            "mode=payment&success_url=https://shop.example.com&line_items[0][price_data][currency]=usd\
             &line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Tea",
        )
        .await;
    host.pay(session["url"].as_str().unwrap(), PAYS).await;
    let attempts = host.fake.attempts();
    let [attempt] = attempts.as_slice() else { panic!("one delivery") };
    assert_eq!(
        (attempt.event_type.as_str(), attempt.status),
        ("payment_intent.succeeded", Some(200))
    );
    assert!(host.marketplace.transitions(None, 0, 1000).await.unwrap().is_empty());
}

#[tokio::test]
async fn delivery_after_uninstall_is_ignored() {
    let (host, delivery) = paid().await;
    host.marketplace.uninstall(false).await.unwrap();
    host.install(LIVE_KEY).await.unwrap();
    let before = host.marketplace.transitions(None, 0, 1000).await.unwrap().len();
    let (status, answer) = host.post(&delivery.url, Some(&delivery.signature), delivery.body).await;
    assert_eq!((status, code(&answer)), (200, "installation-removed"));
    assert_eq!(host.marketplace.transitions(None, 0, 1000).await.unwrap().len(), before);
}

#[tokio::test]
async fn unverified_shared_delivery_is_a_hint() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, IS_DECLINED).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.payment_failed").unwrap();
    let lie = String::from_utf8(delivery.body)
        .unwrap()
        .replace("payment_intent.payment_failed", "payment_intent.succeeded")
        .replace("requires_payment_method", "succeeded")
        .replace("\"amount_received\": 0", "\"amount_received\": 1050");
    assert!(lie.contains("\"status\": \"succeeded\""));
    let shared = "https://chat-payments.jelou.dev/link-webhook?provider=STRIPE";
    let forged = signature("whsec_guessed", false, lie.as_bytes(), 1_800_000_000);
    // With the installation in the URL it has to verify.
    let (status, answer) = host.post(&delivery.url, Some(&forged), lie.clone()).await;
    assert_eq!((status, code(&answer)), (400, "signature-mismatch"));
    let asked = |host: &Host| {
        host.fake
            .requests()
            .iter()
            .filter(|call| call.starts_with("GET /v1/payment_intents/"))
            .count()
    };
    let before = asked(&host);
    let (status, answer) = host.post(shared, Some(&forged), lie).await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")));
    assert_eq!(asked(&host), before + 1);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
    // What names no installation that is known is nobody's.
    let (status, answer) = host.post(shared, None, "{}").await;
    assert_eq!((status, code(&answer)), (200, "installation-unknown"));
}

#[tokio::test]
async fn a_hint_may_be_the_first_news_of_a_payment() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.is_paid_in_silence("order-1").await;
    let events = host.ask_stripe(TEST_KEY, "/v1/events?type=payment_intent.succeeded").await;
    let shared = "https://chat-payments.jelou.dev/link-webhook?provider=STRIPE";
    let body = events["data"][0].to_string();
    let forged = signature("whsec_guessed", false, body.as_bytes(), 1_800_000_000);
    let (status, answer) = host.post(shared, Some(&forged), body.clone()).await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    // Only so many make us ask.
    let mut last = (200, Value::Null);
    for _ in 0..60 {
        last = host.post(shared, Some(&forged), body.clone()).await;
    }
    assert_eq!((last.0, code(&last.1)), (503, "too-many-hints"));
}

#[tokio::test]
async fn deliveries_without_secret_are_hints() {
    let host = Host::start().await;
    host.tell_stripe(
        TEST_KEY,
        "/v1/webhook_endpoints",
        "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=*",
    )
    .await;
    let options =
        InstallOptions { webhook_is_manual: Some(true), ..super::host::options(TEST_KEY) };
    let connection = host.marketplace.install(options).await.unwrap();
    assert_eq!(connection.problem.unwrap().code, "webhook-secret-not-given");
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let asked = host.fake.requests();
    assert!(asked.iter().any(|call| call.starts_with("GET /v1/payment_intents/")));
}

#[tokio::test]
async fn merchants_webhook_delivers_at_the_shared_url() {
    let host = Host::start().await;
    let made = host
        .tell_stripe(
            TEST_KEY,
            "/v1/webhook_endpoints",
            "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE\
             &enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.requires_action\
             &enabled_events[]=payment_intent.payment_failed",
        )
        .await;
    let given = [("api-key", TEST_KEY), ("webhook-secret", made["secret"].as_str().unwrap())];
    let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    let options = InstallOptions {
        credentials: Credentials::new(given),
        webhook_is_manual: Some(true),
        ..super::host::options(TEST_KEY)
    };
    let connection = host.marketplace.install(options).await.unwrap();
    assert_eq!(connection.problem, None);
    let page = host.ask("order-1").await;
    let asked = |host: &Host| host.fake.requests().len();
    let before = asked(&host);
    host.pay(&page, PAYS).await;
    // Verified: nobody had to be asked.
    assert_eq!(asked(&host), before);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn two_workspaces_of_one_account_are_apart() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    // The other workspace has the same reference at the same marketplace.
    let other = host.open(host.data.path(), "other").await;
    other.install(super::host::options(TEST_KEY)).await.unwrap();
    other.pay(super::host::request("order-1", 1050)).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.fake.attempts().len(), 2);
    assert!(host.fake.attempts().iter().all(|attempt| attempt.status == Some(200)));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let theirs = other.transitions(None, 0, 1000).await.unwrap();
    assert_eq!(theirs.iter().filter_map(|told| told.output()).collect::<Vec<_>>(), ["Pending"]);
}

#[tokio::test]
async fn two_ledgers_of_one_account_are_apart() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let other = host.open(data.path(), "default").await;
    other.install(super::host::options(TEST_KEY)).await.unwrap();
    assert_eq!(host.fake.endpoint_ids(false).len(), 2);
    other.pay(super::host::request("order-1", 1050)).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let asked = other.payment("order-1").await.unwrap();
    assert_eq!(asked.stored.status.as_str(), "pending");
}

#[tokio::test]
async fn delivery_during_uninstall_is_retried() {
    let (host, delivery) = paid().await;
    let ledger = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    for state in ["installing", "uninstalling"] {
        ledger.execute("UPDATE installations SET state = ?1", [state]).unwrap();
        let (status, answer) =
            host.post(&delivery.url, Some(&delivery.signature), delivery.body.clone()).await;
        assert_eq!((status, answer["verdict"].as_str()), (503, Some("try-again")));
    }
}

#[tokio::test]
async fn locked_ledger_answers_503() {
    let (host, delivery) = paid().await;
    let ledger = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, answer) =
        host.post(&delivery.url, Some(&delivery.signature), delivery.body.clone()).await;
    assert_eq!((status, code(&answer)), (503, "host-failed"));
    ledger.execute_batch("ROLLBACK").unwrap();
    let (status, _) = host.post(&delivery.url, Some(&delivery.signature), delivery.body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn merchants_webhook_delivers_at_its_own_url() {
    let host = Host::start().await;
    // Before the webhook is made the host says where it shall deliver.
    let manual = |secret: Option<&str>| InstallOptions {
        webhook_is_manual: Some(true),
        ..match secret {
            Some(secret) => super::host::options_with_secret(TEST_KEY, secret),
            None => super::host::options(TEST_KEY),
        }
    };
    let connection = host.marketplace.install(manual(None)).await.unwrap();
    let url = connection.installation_url;
    assert!(connection.problem.unwrap().remedy.iter().any(|step| step.contains(&url)));
    let form = format!(
        "url={}&enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.requires_action\
         &enabled_events[]=payment_intent.payment_failed",
        url.replace('&', "%26").replace('=', "%3D")
    );
    let made = host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", &form).await;
    let secret = made["secret"].as_str().unwrap();
    let connection = host.marketplace.install(manual(Some(secret))).await.unwrap();
    assert_eq!((connection.problem, connection.webhook_url.as_str()), (None, url.as_str()));
    let page = host.ask("order-1").await;
    let asked = host.fake.requests().len();
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    // Verified: nobody was asked.
    assert_eq!(host.fake.requests().len(), asked);
    let (_, report) = host.marketplace.status().await.unwrap();
    let wrong = report.checks.iter().find(|c| matches!(c.verdict, Verdict::Fail | Verdict::Warn));
    assert!(wrong.is_none(), "{}", wrong.unwrap().message);
}

#[tokio::test]
async fn merchants_webhook_outlives_its_installation() {
    let host = Host::start().await;
    let manual = |key: &str, secret: &str| InstallOptions {
        webhook_is_manual: Some(true),
        ..super::host::options_with_secret(key, secret)
    };
    let secret = "whsec_madeByHand";
    let old = host.marketplace.install(manual(TEST_KEY, secret)).await.unwrap().installation_url;
    host.marketplace.uninstall(false).await.unwrap();
    let deliver = async || {
        let page = host.ask("order-1").await;
        host.tell_stripe(
            TEST_KEY,
            "/v1/webhook_endpoints",
            "url=https://x.example.com&enabled_events[]=*",
        )
        .await;
        host.pay(&page, PAYS).await;
        let body = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap().body;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let signed = signature(secret, false, &body, now.as_secs());
        host.post(&old, Some(&signed), body).await
    };
    let late = host.post(&old, None, "{}").await;
    assert_eq!((late.0, code(&late.1)), (200, "installation-removed"));
    host.marketplace.install(manual(TEST_KEY, secret)).await.unwrap();
    let (status, answer) = deliver().await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    // Never in the other mode.
    host.marketplace.uninstall(false).await.unwrap();
    host.marketplace.install(manual(LIVE_KEY, secret)).await.unwrap();
    let late = host.post(&old, None, "{}").await;
    assert_eq!((late.0, code(&late.1)), (200, "installation-removed"));
}

#[tokio::test]
async fn wrong_secret_is_reported_without_list_permission() {
    let host = Host::start().await;
    let by_hand = "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=payment_intent.succeeded";
    host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", by_hand).await;
    let key = "rk_test_51WithoutWebhook";
    let options = super::host::options_with_secret(key, "whsec_ofAnotherWebhook");
    host.marketplace.install(options).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let (_, report) = host.marketplace.status().await.unwrap();
    let refused = report.checks.iter().find(|check| check.id == "delivery-refused").unwrap();
    assert!(refused.verdict == Verdict::Warn, "{}", refused.message);
    let verified = report.checks.iter().find(|check| check.id == "delivery-verified").unwrap();
    assert!(verified.verdict == Verdict::Unknown, "{}", verified.message);
}

#[tokio::test]
async fn unclaimed_delivery_is_counted() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let unclaimed = async || {
        let (_, report) = host.marketplace.status().await.unwrap();
        report.checks.into_iter().find(|check| check.id == "delivery-unclaimed").unwrap()
    };
    assert!(unclaimed().await.verdict == Verdict::Pass);
    for url in [
        "https://x/link-webhook?provider=STRIPE",
        "https://x/link-webhook?provider=STRIPE&installation=unknown",
    ] {
        let (status, answer) = host.post(url, None, "{}").await;
        assert_eq!((status, code(&answer)), (200, "installation-unknown"));
    }
    let check = unclaimed().await;
    assert!(check.verdict == Verdict::Warn && check.message.starts_with("2 deliveries"));
    assert!(check.remedy[0].contains("&installation="), "{}", check.remedy[0]);
}
