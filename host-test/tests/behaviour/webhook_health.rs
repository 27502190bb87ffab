//! What the deliveries themselves say of the connection, and what becomes of it on a bad day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fake_provider::{Fault, FaultKind, signature};
use host_test::contract::types::{Check, Verdict};
use host_test::marketplace::{ErrorKind, InstallOptions};

use super::host::{Host, IS_DECLINED, LIVE_KEY, PAYS, TEST_KEY, options_with_secret};

/// An endpoint of the merchant's other business.
const EVERYTHING: &str = "url=https://shop.example.com/hook&enabled_events[]=*";

async fn check(host: &Host, id: &str) -> Check {
    let (_, report) = host.marketplace.status().await.unwrap();
    report.checks.into_iter().find(|check| check.id == id).unwrap()
}

#[tokio::test]
async fn refused_delivery_is_reported() {
    let host = Host::start().await;
    let connection = host.install(TEST_KEY).await.unwrap();
    assert_eq!(check(&host, "delivery-verified").await.verdict, Verdict::Unknown);
    assert_eq!(check(&host, "delivery-refused").await.verdict, Verdict::Pass);

    let forged = host.post(&connection.webhook_url, Some("t=1,v1=00"), "{}").await;
    assert_eq!(forged.0, 400);
    let refused = check(&host, "delivery-refused").await;
    assert_eq!(refused.verdict, Verdict::Warn);
    assert!(refused.message.contains("signature-mismatch"), "{}", refused.message);
    assert!(!refused.remedy.is_empty());

    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(check(&host, "delivery-verified").await.verdict, Verdict::Pass);
    let refused = check(&host, "delivery-refused").await;
    assert_eq!(refused.verdict, Verdict::Pass, "{}", refused.message);
    assert!(refused.message.contains("signature-mismatch"), "{}", refused.message);
}

#[tokio::test]
async fn duplicate_webhook_counts_once() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let by_hand = "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=payment_intent.succeeded&enabled_events[]=payment_intent.requires_action&enabled_events[]=payment_intent.payment_failed";
    let made = host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", by_hand).await;
    let page = host.ask("order-1").await;
    host.pay(&page, IS_DECLINED).await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected", "Approved"]);
    let attempts = host.fake.attempts();
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().all(|attempt| attempt.status == Some(200)), "{attempts:?}");
    let duplicates = check(&host, "webhook-duplicates").await;
    assert_eq!(duplicates.verdict, Verdict::Warn);
    assert!(duplicates.remedy.iter().any(|step| step.contains(made["id"].as_str().unwrap())));
    // It is the merchant's: nothing of ours ever takes it away.
    assert!(host.marketplace.repair().await.unwrap().changes.is_empty());
    host.marketplace.uninstall(false).await.unwrap();
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
}

#[tokio::test]
async fn disabled_webhook_is_reported_and_enabled() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let [id] = host.fake.endpoint_ids(false).try_into().unwrap();
    let path = format!("/v1/webhook_endpoints/{id}");
    // Nobody is there any more.
    host.tell_stripe(TEST_KEY, &path, "url=https://nobody.example.com/hook").await;
    let page = host.ask("order-1").await;
    for _ in 0..9 {
        host.pay(&page, IS_DECLINED).await;
    }
    assert_eq!(host.ask_stripe(TEST_KEY, &path).await["status"], "disabled");
    let endpoint = check(&host, "webhook-endpoint").await;
    assert_eq!((endpoint.verdict, endpoint.remedy.len()), (Verdict::Fail, 1));
    let changes = host.marketplace.repair().await.unwrap().changes;
    assert_eq!(changes, ["The webhook was enabled again.", "The webhook's URL was corrected."]);
    assert_eq!(check(&host, "webhook-endpoint").await.verdict, Verdict::Pass);
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await.last().unwrap(), "Approved");
}

#[tokio::test]
async fn missing_webhook_counts_as_deleted() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.delete_webhooks().await;
    assert_eq!(host.marketplace.uninstall(false).await.unwrap().left, None);
}

#[tokio::test]
async fn forced_uninstall_names_what_is_left() {
    let host = Host::start().await;
    let connection = host.install(TEST_KEY).await.unwrap();
    let [id] = host.fake.endpoint_ids(false).try_into().unwrap();
    for kind in [FaultKind::Broken, FaultKind::Failing, FaultKind::Busy] {
        host.fake.set_fault(Some(kind.into()));
        let problem = host.marketplace.uninstall(false).await.unwrap_err().problem();
        assert!(problem.remedy.iter().any(|step| step.contains("--force")), "{problem:?}");
    }
    let left = host.marketplace.uninstall(true).await.unwrap().left.unwrap();
    assert_eq!(left.endpoint.as_deref(), Some(id.as_str()));
    assert_eq!(left.url.as_deref(), Some(connection.webhook_url.as_str()));
    assert_eq!(left.because.unwrap().code, "provider-busy");
    // What comes from it is taken and does nothing.
    let late = host.post(&connection.webhook_url, Some("t=1,v1=00"), "{}").await;
    assert_eq!((late.0, &late.1["verdict"]), (200, &"ignored".into()));
    // Once Stripe is back, the next install takes away what was left.
    host.fake.set_fault(None);
    host.install(TEST_KEY).await.unwrap();
    let [new] = host.fake.endpoint_ids(false).try_into().unwrap();
    assert_ne!(new, id);
}

#[tokio::test]
async fn wrong_secret_of_merchants_webhook_is_reported() {
    let host = Host::start().await;
    let by_hand = "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=payment_intent.succeeded";
    host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", by_hand).await;
    let options = InstallOptions {
        webhook_is_manual: Some(true),
        ..options_with_secret(TEST_KEY, "whsec_ofAnotherWebhook")
    };
    host.marketplace.install(options).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    // The truth came all the same: the payment was looked up.
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let refused = check(&host, "delivery-refused").await;
    assert_eq!(refused.verdict, Verdict::Warn);
    assert!(refused.message.contains("signature-mismatch"), "{}", refused.message);
    assert!(refused.remedy.iter().any(|step| step.contains("Install again")));
}

#[tokio::test]
async fn an_event_of_the_other_mode_changes_nothing() {
    let host = Host::start().await;
    let secret = "whsec_madeByHand";
    let by_hand =
        InstallOptions { webhook_is_manual: Some(true), ..options_with_secret(LIVE_KEY, secret) };
    let connection = host.marketplace.install(by_hand).await.unwrap();
    host.tell_stripe(LIVE_KEY, "/v1/webhook_endpoints", EVERYTHING).await;
    let page = host.ask("order-1").await;
    host.pay(&page, IS_DECLINED).await;
    let outputs = host.outputs("order-1").await;
    let body = host.fake.unsent_delivery(true, "payment_intent.payment_failed").unwrap().body;
    let test =
        String::from_utf8(body).unwrap().replace("\"livemode\": true", "\"livemode\": false");
    let test = test.replace("payment_failed", "succeeded");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let signed = signature(secret, false, test.as_bytes(), now);
    let answer = host.post(&connection.webhook_url, Some(&signed), test).await;
    assert_eq!((answer.0, &answer.1["code"]), (200, &"other-mode".into()));
    assert_eq!(host.outputs("order-1").await, outputs);
}

#[tokio::test]
async fn failed_install_leaves_nothing() {
    let every_call = |kind: FaultKind| Fault::from(kind);
    let once_made = |kind| Fault {
        kind,
        requests: "POST /v1/webhook_endpoints".to_owned(),
        skip: 0,
        has_effect: true,
    };
    let rows = [
        (every_call(FaultKind::Rejected), "key-rejected", ErrorKind::Refused),
        (every_call(FaultKind::Busy), "provider-busy", ErrorKind::Temporary),
        (every_call(FaultKind::Failing), "provider-error", ErrorKind::Temporary),
        (every_call(FaultKind::Broken), "provider-unreachable", ErrorKind::Temporary),
        // The webhook was made, and nobody has heard so.
        (once_made(FaultKind::Failing), "outcome-unknown", ErrorKind::Temporary),
        (once_made(FaultKind::Broken), "outcome-unknown", ErrorKind::Temporary),
    ];
    for (trouble, code, failing) in rows {
        let host = Host::start().await;
        let made = usize::from(trouble.has_effect);
        host.fake.set_fault(Some(trouble));
        let error = host.install(TEST_KEY).await.unwrap_err();
        assert_eq!((error.problem().code.as_str(), error.kind()), (code, failing));
        assert!(!error.problem().remedy.is_empty());
        assert_eq!(host.fake.endpoint_ids(false).len(), made);
        host.fake.set_fault(None);
        host.install(TEST_KEY).await.unwrap();
        assert_eq!(host.fake.endpoint_ids(false).len(), 1);
        assert_eq!(check(&host, "webhook-secret").await.verdict, Verdict::Pass);
    }
}

/// The clock of the runtime jumps to the next deadline while nothing else is to be done: what would
/// take nine seconds takes none.
#[tokio::test]
async fn silent_provider_does_not_block_the_report() {
    let host = Host::start().await;
    host.install("rk_test_51AllThatIsNeeded").await.unwrap();
    host.fake.set_fault(Some(FaultKind::Silent.into()));
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let (_, report) = host.marketplace.status().await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());
    let verdict = |id: &str| {
        let check = report.checks.iter().find(|check| check.id == id).unwrap();
        (check.verdict, check.message.as_str())
    };
    assert_eq!(verdict("key"), (Verdict::Unknown, "Stripe did not answer in time."));
    for id in ["permissions", "webhook-endpoint", "webhook-events", "webhook-destination"] {
        assert_eq!(verdict(id).0, Verdict::Unknown, "{id}");
    }
    // The checks that need no request are there.
    assert_eq!(verdict("mode").0, Verdict::Pass);
    assert_eq!(verdict("webhook-secret").0, Verdict::Pass);
}
