//! An uninstall with pages that customers can still pay.

use host_test::contract::types::{Mode, Verdict};
use host_test::marketplace::Error;

use super::host::{Host, LIVE_KEY, PAYS, TEST_KEY};

const VOUCHER: &str = "voucher";

async fn live_host() -> Host {
    let host = Host::start().await;
    host.install(LIVE_KEY).await.unwrap();
    host
}

async fn session_status(host: &Host, key: &str, page: &str) -> String {
    let session = page.rsplit('/').next().unwrap();
    let session = host.ask_stripe(key, &format!("/v1/checkout/sessions/{session}")).await;
    session["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn uninstall_expires_open_pages() {
    for key in [TEST_KEY, LIVE_KEY] {
        let host = Host::start().await;
        host.install(key).await.unwrap();
        let page = host.ask("order-1").await;
        host.pay(&host.ask("order-2").await, PAYS).await;
        let uninstalled = host.marketplace.uninstall(false).await.unwrap();
        assert!(uninstalled.open.is_empty());
        assert_eq!(session_status(&host, key, &page).await, "expired");
        // Another account can use the reference.
        let outputs = host.outputs("order-1").await;
        assert_eq!(outputs, ["Pending", "Rejected"]);
        assert_eq!(host.outputs("order-2").await, ["Pending", "Approved"]);
        host.install(&key.replace("51", "SecondAccount")).await.unwrap();
        host.ask("order-1").await;
    }
}

#[tokio::test]
async fn test_mode_never_refuses_an_uninstall() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, VOUCHER).await;
    let uninstalled = host.marketplace.uninstall(false).await.unwrap();
    assert_eq!((uninstalled.mode, uninstalled.draining_until), (Some(Mode::Test), None));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
    host.install(TEST_KEY).await.unwrap();
    host.ask("order-1").await;
}

#[tokio::test]
async fn open_voucher_refuses_an_uninstall_and_is_named() {
    let host = live_host().await;
    let page = host.ask("order-1").await;
    host.pay(&page, VOUCHER).await;
    let error = host.marketplace.uninstall(false).await.unwrap_err();
    assert!(matches!(&error, Error::PaymentsOpen(open) if open[0].reference == "order-1"));
    assert!(error.problem().message.contains("order-1"), "{}", error.problem().message);
    // Nothing has changed.
    host.act(&format!("{page}/voucher"), "outcome", "pay").await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    host.marketplace.uninstall(false).await.unwrap();
}

#[tokio::test]
async fn forced_uninstall_drains() {
    for outcome in ["pay", "expire"] {
        let host = live_host().await;
        let page = host.ask("order-1").await;
        host.pay(&page, VOUCHER).await;
        let uninstalled = host.marketplace.uninstall(true).await.unwrap();
        assert_eq!(uninstalled.open.len(), 1);
        assert!(uninstalled.draining_until.is_some());
        // Nothing new can be charged, and the endpoint is still there.
        let error = host.marketplace.pay(super::host::request("order-2", 100)).await.unwrap_err();
        assert!(matches!(error, Error::NotInstalled));
        host.marketplace.reconcile(|_| ()).await.unwrap();
        assert_eq!(host.fake.endpoint_ids(true).len(), 1);
        host.act(&format!("{page}/voucher"), "outcome", outcome).await;
        // The delivery says so, or the next round finds it.
        host.marketplace.reconcile(|_| ()).await.unwrap();
        let last = if outcome == "pay" { "Approved" } else { "Rejected" };
        assert_eq!(host.outputs("order-1").await, ["Pending", last]);
        assert!(host.fake.endpoint_ids(true).is_empty());
        // The secrets are destroyed: nothing is left to do.
        let error = host.marketplace.reconcile(|_| ()).await.unwrap_err();
        assert!(matches!(error, Error::NotInstalled));
    }
}

#[tokio::test]
async fn draining_installation_takes_its_deliveries() {
    let host = live_host().await;
    let page = host.ask("order-1").await;
    host.pay(&page, VOUCHER).await;
    host.marketplace.uninstall(true).await.unwrap();
    // Another account is installed meanwhile, and cannot use the reference yet.
    host.install(&LIVE_KEY.replace("51", "SecondAccount")).await.unwrap();
    for error in [
        host.marketplace.pay(super::host::request("order-1", 1050)).await.unwrap_err(),
        host.marketplace.cancel("order-1").await.unwrap_err(),
    ] {
        assert_eq!(error.problem().code, "payment-of-other-account");
    }
    host.act(&format!("{page}/voucher"), "outcome", "pay").await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn unanswered_attempt_of_another_account_is_not_repeated() {
    let host = live_host().await;
    host.fake.set_fault(Some(fake_provider::Fault {
        kind: fake_provider::FaultKind::Broken,
        requests: "POST /v1/checkout/sessions".to_owned(),
        skip: 0,
        has_effect: true,
    }));
    host.marketplace.pay(super::host::request("order-1", 1050)).await.unwrap_err();
    host.fake.set_fault(Some(fake_provider::FaultKind::Rejected.into()));
    assert_eq!(host.marketplace.uninstall(true).await.unwrap().open.len(), 1);
    host.fake.set_fault(None);
    host.install(&LIVE_KEY.replace("51", "SecondAccount")).await.unwrap();
    // The page of the first account may be open: a second one would be one too many.
    let error = host.marketplace.pay(super::host::request("order-1", 1050)).await.unwrap_err();
    assert_eq!(error.problem().code, "payment-of-other-account");
}

#[tokio::test]
async fn same_account_adopts_its_payments() {
    let host = live_host().await;
    let page = host.ask("order-1").await;
    host.pay(&page, VOUCHER).await;
    host.marketplace.uninstall(true).await.unwrap();
    host.install("sk_live_51AnotherKeyOfTheAccount").await.unwrap();
    assert_eq!(host.fake.endpoint_ids(true).len(), 1);
    assert_eq!(host.ask("order-1").await, format!("{page}/voucher"));
    host.act(&format!("{page}/voucher"), "outcome", "pay").await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    let (_, report) = host.marketplace.status().await.unwrap();
    assert!(!report.checks.iter().any(|check| check.verdict == Verdict::Fail));
}

#[tokio::test]
async fn dead_key_offers_a_rotation_first() {
    let host = live_host().await;
    let page = host.ask("order-1").await;
    host.fake.set_fault(Some(fake_provider::FaultKind::Rejected.into()));
    let problem = host.marketplace.uninstall(false).await.unwrap_err().problem();
    assert!(problem.remedy[0].contains("host-test install"), "{:?}", problem.remedy);
    let uninstalled = host.marketplace.uninstall(true).await.unwrap();
    assert!(uninstalled.left.is_some() && uninstalled.draining_until.is_some());
    host.fake.set_fault(None);
    // The signing secrets are kept: what is paid is known.
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}
