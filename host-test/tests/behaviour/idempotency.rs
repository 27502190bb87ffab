//! Requests whose answers were lost, stored failures, and requests that are repeated in another form: a
//! flow always gets on.

use fake_provider::{Fault, FaultKind};

use super::command_line::{host_test, run};
use super::host::{Host, PAYS, TEST_KEY, request};

const SESSIONS: &str = "POST /v1/checkout/sessions";

fn fault(kind: FaultKind, requests: &str, has_effect: bool) -> Fault {
    Fault { kind, requests: requests.to_owned(), skip: 0, has_effect }
}

async fn installed() -> Host {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host
}

/// The descriptions of the sessions that Stripe has.
fn descriptions(host: &Host) -> Vec<String> {
    let requests = host.fake.requests_with_params().into_iter();
    let created = requests.filter(|request| request.name() == SESSIONS);
    let description = |(name, value): (String, String)| name.ends_with("[name]").then_some(value);
    created.flat_map(|request| request.params.into_iter().filter_map(description)).collect()
}

async fn sessions(host: &Host) -> usize {
    host.ask_stripe(TEST_KEY, "/v1/checkout/sessions").await["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn replayed_failure_ends_in_one_page() {
    for (kind, has_effect) in [(FaultKind::FailingForKey, false), (FaultKind::Failing, true)] {
        let host = installed().await;
        host.fake.set_fault(Some(fault(kind, SESSIONS, has_effect)));
        host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
        host.fake.set_fault(None);
        let page = host.ask("order-1").await;
        assert_eq!(sessions(&host).await, 1, "{has_effect}");
        host.pay(&page, PAYS).await;
        assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    }
}

#[tokio::test]
async fn repeated_request_is_the_first_one() {
    let host = installed().await;
    host.fake.set_fault(Some(fault(FaultKind::Failing, SESSIONS, false)));
    let mut order = request("order-1", 1050);
    order.description = Some("A first description".to_owned());
    host.marketplace.pay(order.clone()).await.unwrap_err();
    host.fake.set_fault(None);
    order.description = Some("Another description".to_owned());
    order.success_url = "https://example.com/elsewhere".to_owned();
    host.marketplace.pay(order).await.unwrap();
    let descriptions = descriptions(&host);
    assert!(descriptions.len() > 1);
    assert!(descriptions.iter().all(|text| text == "A first description"), "{descriptions:?}");
}

#[tokio::test]
async fn refused_amount_can_be_corrected() {
    let host = installed().await;
    host.marketplace.pay(request("order-1", 10)).await.unwrap_err();
    host.ask("order-1").await;
}

#[tokio::test]
async fn unanswered_attempt_can_be_canceled() {
    for has_effect in [false, true] {
        let host = installed().await;
        host.fake.set_fault(Some(fault(FaultKind::Broken, SESSIONS, has_effect)));
        host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
        host.fake.set_fault(None);
        let canceled = host.marketplace.cancel("order-1").await.unwrap().stored;
        assert_eq!(canceled.status.as_str(), "canceled", "{has_effect}");
        assert_eq!(host.outputs("order-1").await.last().unwrap(), "Rejected");
        let sessions = host.ask_stripe(TEST_KEY, "/v1/checkout/sessions").await;
        let is_open = |session: &&serde_json::Value| session["status"] == "open";
        assert_eq!(sessions["data"].as_array().unwrap().iter().filter(is_open).count(), 0);
        host.ask("order-1").await;
    }
}

#[tokio::test]
async fn refused_cancel_updates_the_ledger() {
    let host = installed().await;
    host.is_paid_in_silence("order-1").await;
    host.marketplace.cancel("order-1").await.unwrap_err();
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn refunded_payment_is_not_approved_again() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.marketplace.refund("order-1", "part", Some(50)).await.unwrap();
    host.marketplace.pay(request("order-1", 1050)).await.unwrap();
    host.marketplace.refund("order-1", "rest", None).await.unwrap();
    let error = host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
    assert_eq!(error.problem().code, "payment-refunded");
}

#[tokio::test]
async fn refund_that_fails_later_frees_its_name() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let (_, first) = host.marketplace.refund("order-1", "r1", None).await.unwrap();
    let (_, again) = host.marketplace.refund("order-1", "r1", None).await.unwrap();
    assert_eq!(first.id, again.id);
    host.fake.fail_last_refund(false);
    let (stored, second) = host.marketplace.refund("order-1", "r1", None).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(stored.refunded, Some(1050));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_refund_is_no_success() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let refund = async || {
        let refund = ["refund", "order-1", "--reference", "r1"];
        let mut command = host_test(host.data.path(), &refund);
        command.args(["--provider-origin", &origin]);
        let output = run(command).await;
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    host.fake.set_refunds_fail(false, true);
    let (code, text) = refund().await;
    assert!(code == Some(1) && text.contains("failed"), "{code:?} {text}");
    host.fake.set_refunds_fail(false, false);
    let (code, text) = refund().await;
    assert!(code == Some(0) && text.contains("succeeded"), "{code:?} {text}");
}

#[tokio::test]
async fn refund_with_a_stored_failure_is_never_sent_again() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.fake.set_fault(Some(fault(FaultKind::FailingForKey, "POST /v1/refunds", false)));
    host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    host.fake.set_fault(None);
    for _ in 0..2 {
        let error = host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
        assert_eq!(error.problem().code, "refund-unknown");
    }
    let refunds = host.ask_stripe(TEST_KEY, "/v1/refunds").await;
    assert_eq!(refunds["data"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn failed_refund_gives_its_amount_back_to_another_name() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.marketplace.refund("order-1", "r1", None).await.unwrap();
    host.fake.fail_last_refund(false);
    let (stored, _) = host.marketplace.refund("order-1", "r2", None).await.unwrap();
    assert_eq!(stored.refunded, Some(1050));
    // The first one is not made again besides.
    let error = host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    assert_eq!(error.problem().code, "payment-already-refunded");
}

#[tokio::test]
async fn unknown_refund_ends_after_a_day() {
    let host = installed().await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.fake.set_fault(Some(fault(FaultKind::FailingForKey, "POST /v1/refunds", false)));
    host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    host.fake.set_fault(None);
    let problem = host.marketplace.refund("order-1", "r2", None).await.unwrap_err().problem();
    assert!(problem.code == "refund-undecided" && problem.message.contains("r1"), "{problem:?}");
    let ledger = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    ledger.execute("UPDATE refunds SET reserved_at = reserved_at - 90000", []).unwrap();
    let (stored, _) = host.marketplace.refund("order-1", "r2", None).await.unwrap();
    assert_eq!(stored.refunded, Some(1050));
}

#[tokio::test]
async fn refund_that_was_made_is_found() {
    for kind in [FaultKind::Broken, FaultKind::Failing] {
        let host = installed().await;
        let page = host.ask("order-1").await;
        host.pay(&page, PAYS).await;
        host.fake.set_fault(Some(fault(kind, "POST /v1/refunds", true)));
        host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
        host.fake.set_fault(None);
        let (stored, _) = host.marketplace.refund("order-1", "r1", None).await.unwrap();
        assert_eq!(stored.refunded, Some(1050), "{kind:?}");
        let refunds = host.ask_stripe(TEST_KEY, "/v1/refunds").await;
        assert_eq!(refunds["data"].as_array().unwrap().len(), 1, "{kind:?}");
    }
}
