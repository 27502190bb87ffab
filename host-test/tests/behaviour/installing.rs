//! Installing, rotating, switching, uninstalling.

use host_test::contract::types::{StatusReport, Verdict};
use host_test::marketplace::{ErrorKind, InstallOptions, Options};

use super::host::{Host, LIVE_KEY, TEST_KEY, options, plugin};

/// Whether no check wants anything to be done.
fn nothing_is_left(report: &StatusReport) -> bool {
    report.checks.iter().all(|check| matches!(check.verdict, Verdict::Pass | Verdict::Unknown))
}

const ENDPOINTS: &str = "/v1/webhook_endpoints";

#[tokio::test]
async fn wrong_key_is_refused_before_any_request() {
    let host = Host::start().await;
    let rows = [
        ("pk_test_51Habcdefghijk", "key-publishable"),
        ("pk_live_51Habcdefghijk", "key-publishable"),
        ("whsec_abcdefghijklmnop", "key-webhook-secret"),
        ("sk_org_test_abcdefghij", "key-organization"),
        ("rkcs_test_abcdefghijkl", "key-unsupported"),
        ("", "key-missing"),
        (" \n ", "key-missing"),
        ("sk_test_", "key-malformed"),
        ("sk_test_51Hab", "key-malformed"),
        ("sk_test_51Habc\ndefghijk", "key-malformed"),
        ("sk_live_••••••••••••AbCd", "key-malformed"),
        ("an account's name", "key-malformed"),
    ];
    for (key, code) in rows {
        let error = host.install(key).await.unwrap_err();
        let problem = error.problem();
        assert_eq!(problem.code, code, "{key:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(!problem.remedy.is_empty());
        let text = format!("{} {}", problem.message, problem.remedy.join(" "));
        assert!(key.trim().len() < 8 || !text.contains(key.trim()), "{text}");
    }
    assert!(host.fake.requests().is_empty());
    assert_eq!(host.marketplace.status().await.unwrap_err().problem().code, "not-installed");
}

#[tokio::test]
async fn dead_key_differs_from_outage() {
    let host = Host::start().await;
    for (key, code) in [
        ("sk_test_51TestTestInvalid", "key-rejected"),
        ("rk_live_51TestTestExpired", "key-expired"),
    ] {
        let error = host.install(key).await.unwrap_err();
        assert_eq!((error.problem().code.as_str(), error.kind()), (code, ErrorKind::Refused));
    }
    assert!(host.fake.endpoint_ids(false).is_empty());

    // A port that is taken, and on which nobody listens.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = silent.local_addr().unwrap();
    let data = tempfile::tempdir().unwrap();
    let plugin = plugin().await;
    let alone = host_test::marketplace::Marketplace::open(
        plugin,
        &Options {
            overrides: vec![format!("https://api.stripe.com=http://{gone}").parse().unwrap()],
            ..Options::new(data.path())
        },
    )
    .unwrap();
    let error = alone.install(options(TEST_KEY)).await.unwrap_err();
    assert_eq!(error.problem().code, "provider-unreachable");
    assert_eq!(error.kind(), ErrorKind::Temporary);
    assert_eq!(alone.status().await.unwrap_err().problem().code, "not-installed");
}

#[tokio::test]
async fn install_leaves_nothing_to_do() {
    let host = Host::start().await;
    let connection = host.install(&format!("  {TEST_KEY}\r\n")).await.unwrap();
    assert_eq!(connection.problem, None);
    let list = host.ask_stripe(TEST_KEY, ENDPOINTS).await;
    let [endpoint] = list["data"].as_array().unwrap().as_slice() else { panic!("one endpoint") };
    let id = &connection.installation;
    let url =
        format!("https://chat-payments.jelou.dev/link-webhook?provider=STRIPE&installation={id}");
    assert_eq!(endpoint["url"], url.as_str());
    assert_eq!(
        endpoint["enabled_events"],
        serde_json::json!([
            "payment_intent.succeeded",
            "payment_intent.requires_action",
            "payment_intent.payment_failed",
        ])
    );
    assert_eq!(endpoint["api_version"], "2026-10-28.endive");
    assert_eq!(endpoint["metadata"]["brain_studio_installation"], id.as_str());
    assert_eq!(endpoint["metadata"]["brain_studio_workspace"], host.marketplace.workspace());
    let (_, report) = host.marketplace.status().await.unwrap();
    assert!(report.checks.len() >= 6);
    for check in report.checks {
        let expected =
            if check.id == "delivery-verified" { Verdict::Unknown } else { Verdict::Pass };
        assert!(check.verdict == expected, "{}: {}", check.id, check.message);
    }
}

#[tokio::test]
async fn restricted_key_needs_no_account() {
    let host = Host::start().await;
    let connection = host.install("rk_test_51TestTestTest").await.unwrap();
    assert_eq!(connection.problem, None);
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
}

#[tokio::test]
async fn other_mode_is_refused() {
    let host = Host::start().await;
    let first = host.install(TEST_KEY).await.unwrap();
    let endpoints = host.fake.endpoint_ids(false);
    let second = host.install("sk_test_51AnotherAnother").await.unwrap();
    assert!(second.is_rotation);
    assert_eq!(first.installation, second.installation);
    assert_eq!(host.fake.endpoint_ids(false), endpoints);

    let error = host.install(LIVE_KEY).await.unwrap_err();
    assert_eq!(error.problem().code, "mode-mismatch");
    assert!(error.problem().remedy.iter().any(|step| step.contains("uninstall")));
    assert!(host.fake.endpoint_ids(true).is_empty());

    // A dead key does not take the place of one that works.
    host.install("sk_test_51AnotherInvalid").await.unwrap_err();
    let (_, report) = host.marketplace.status().await.unwrap();
    assert!(nothing_is_left(&report));
}

#[tokio::test]
async fn uninstall_destroys_the_secrets() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.tell_stripe(
        TEST_KEY,
        ENDPOINTS,
        "url=https://shop.example.com/hook&enabled_events[]=charge.succeeded",
    )
    .await;
    assert_eq!(host.marketplace.uninstall(false).await.unwrap().left, None);
    let list = host.ask_stripe(TEST_KEY, ENDPOINTS).await;
    let [other] = list["data"].as_array().unwrap().as_slice() else { panic!("one is left") };
    assert_eq!(other["url"], "https://shop.example.com/hook");
    let ledger = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    let kept: u32 = ledger
        .query_row(
            "SELECT count(*) FROM installations WHERE sealed_credentials NOT NULL
                 OR sealed_installation NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kept, 0);
    let connection = host.install(LIVE_KEY).await.unwrap();
    assert!(connection.webhook_url.starts_with("https://chat-payments.jelou.ai/link-webhook?"));
}

#[tokio::test]
async fn strays_are_deleted() {
    let host = Host::start().await;
    let shared =
        "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=*";
    let by_hand = host.tell_stripe(TEST_KEY, ENDPOINTS, shared).await;
    let of = |workspace| format!("{shared}&metadata[brain_studio_workspace]={workspace}");
    let others = host.tell_stripe(TEST_KEY, ENDPOINTS, &of("other")).await;
    let stray = host.tell_stripe(TEST_KEY, ENDPOINTS, &of(host.marketplace.workspace())).await;
    let connection = host.install(TEST_KEY).await.unwrap();
    assert_eq!(connection.changes.len(), 1);
    let left = host.fake.endpoint_ids(false);
    assert_eq!(left.len(), 3);
    assert!(left.iter().any(|id| by_hand["id"] == id.as_str()));
    assert!(left.iter().any(|id| others["id"] == id.as_str()));
    assert!(!left.iter().any(|id| stray["id"] == id.as_str()));
}

#[tokio::test]
async fn merchants_webhook_is_left_alone() {
    let host = Host::start().await;
    let manual = || InstallOptions { webhook_is_manual: Some(true), ..options(TEST_KEY) };
    let connection = host.marketplace.install(manual()).await.unwrap();
    assert_eq!(connection.problem.unwrap().code, "webhook-missing");
    host.tell_stripe(
        TEST_KEY,
        ENDPOINTS,
        "url=https://chat-payments.jelou.dev/link-webhook?provider%3DSTRIPE&enabled_events[]=payment_intent.succeeded",
    )
    .await;
    let connection = host.marketplace.install(manual()).await.unwrap();
    assert!(connection.is_rotation);
    assert_eq!(connection.problem.unwrap().code, "webhook-secret-not-given");
    host.marketplace.uninstall(false).await.unwrap();
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
}

#[tokio::test]
async fn full_account_installs_without_webhook() {
    let host = Host::start().await;
    for number in 0..16 {
        let form = format!("url=https://shop.example.com/{number}&enabled_events[]=*");
        host.tell_stripe(TEST_KEY, ENDPOINTS, &form).await;
    }
    let connection = host.install(TEST_KEY).await.unwrap();
    assert_eq!(connection.problem.unwrap().code, "webhook-limit-reached");
}

#[tokio::test]
async fn repair_corrects_what_was_changed() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let [id] = host.fake.endpoint_ids(false).try_into().unwrap();
    assert!(host.marketplace.repair().await.unwrap().changes.is_empty());
    let endpoint = format!("{ENDPOINTS}/{id}");
    host.tell_stripe(TEST_KEY, &endpoint, "disabled=true&enabled_events[]=charge.succeeded").await;
    let (_, report) = host.marketplace.status().await.unwrap();
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|c| c.verdict == Verdict::Fail)
        .map(|c| c.id.as_str())
        .collect();
    assert_eq!(failed, ["webhook-endpoint", "webhook-events"]);
    let changes = host.marketplace.repair().await.unwrap().changes;
    let set_right = ["enabled again", "events were corrected"];
    assert!(changes.iter().zip(set_right).all(|(change, what)| change.contains(what)));
    assert_eq!(changes.len(), set_right.len());
    assert_eq!(host.fake.endpoint_ids(false), std::slice::from_ref(&id));

    // Gone altogether: a new one takes its place, and its secret is the one that counts.
    host.delete_webhooks().await;
    assert_eq!(host.marketplace.repair().await.unwrap().changes.len(), 1);
    let [new] = host.fake.endpoint_ids(false).try_into().unwrap();
    assert_ne!(new, id);
    let page = host.ask("order-1").await;
    host.pay(&page, super::host::PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}
