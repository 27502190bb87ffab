//! The background: whatever fails, everything else gets on, and what fails is named.

use std::time::Duration;

use fake_provider::{Fault, FaultKind};
use host_test::clock::Clock;
use host_test::contract::types::Verdict;
use host_test::marketplace::Marketplace;
use ledger::types::PaymentStatus;

use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY, now, request};

const MAY_NOT_LIST: &str = "rk_test_51WithoutEvent";
const DAY: Duration = Duration::from_hours(24);

/// A host, and its marketplace with a clock that the test moves.
async fn installed(key: &str) -> (Host, Marketplace, Clock) {
    let host = Host::start().await;
    host.install(key).await.unwrap();
    let clock = Clock::simulated(now());
    let background = host.at(clock.clone()).await;
    (host, background, clock)
}

async fn status_of(host: &Host, reference: &str) -> PaymentStatus {
    host.marketplace.payment_history(reference).await.unwrap().1.payment.status
}

async fn attention(host: &Host) -> Vec<String> {
    let items = host.marketplace.attention().await.unwrap();
    items.into_iter().map(|item| item.problem.code).collect()
}

async fn notices(host: &Host) -> Vec<String> {
    let transitions = host.marketplace.transitions(None, 0, 1000).await.unwrap();
    transitions.iter().filter_map(|told| told.notice().map(str::to_owned)).collect()
}

fn fault(kind: FaultKind, requests: &str, skip: usize) -> Fault {
    Fault { kind, requests: requests.to_owned(), skip, has_effect: false }
}

fn listings(host: &Host) -> usize {
    host.fake.requests().iter().filter(|request| *request == "GET /v1/events").count()
}

async fn intent_of(host: &Host, reference: &str) -> String {
    let payment = host.marketplace.payment(reference).await.unwrap();
    payment.stored.remote_id.unwrap()
}

#[tokio::test]
async fn failing_payment_starves_no_other() {
    // The key may not list events, so that every payment has to be asked about.
    let (host, background, clock) = installed(MAY_NOT_LIST).await;
    let mut pages = Vec::new();
    for number in 0..12 {
        pages.push(host.ask(&format!("order-{number}")).await);
    }
    host.delete_webhooks().await;
    for page in &pages {
        host.pay(page, PAYS).await;
    }
    let first = pages[0].rsplit('/').next().unwrap();
    let failing = format!("GET /v1/checkout/sessions/{first}");
    host.fake.set_fault(Some(fault(FaultKind::Failing, &failing, 0)));
    clock.advance(Duration::from_mins(11));
    let summary = background.reconcile_once().await;
    // The listing, which the key may not do, and the payment.
    let whats: Vec<_> = summary.failures.iter().map(|failure| failure.what.as_str()).collect();
    assert_eq!(whats, ["events", "order-0"], "{summary:?}");
    assert_eq!(status_of(&host, "order-0").await, PaymentStatus::Pending);
    for number in 1..12 {
        assert_eq!(status_of(&host, &format!("order-{number}")).await, PaymentStatus::Approved);
    }
    // It is asked about less and less often, until a person is needed, and then settled.
    for _ in 0..400 {
        clock.advance(Duration::from_mins(3));
        background.reconcile_once().await;
    }
    let asked = host.fake.requests().into_iter().filter(|request| *request == failing).count();
    assert!((20..60).contains(&asked), "{asked} requests in twenty hours");
    assert_eq!(attention(&host).await, ["payment-unread"]);
    host.fake.set_fault(None);
    clock.advance(Duration::from_hours(8));
    background.reconcile_once().await;
    assert_eq!(status_of(&host, "order-0").await, PaymentStatus::Approved);
    assert!(attention(&host).await.is_empty());
}

#[tokio::test]
async fn failure_on_a_page_costs_that_page() {
    let (host, background, clock) = installed(TEST_KEY).await;
    let page = host.ask("order-1").await;
    host.delete_webhooks().await;
    for _ in 0..250 {
        host.pay(&page, IS_DECLINED).await;
    }
    host.pay(&page, PAYS).await;
    clock.advance(Duration::from_mins(11));
    host.fake.set_fault(Some(fault(FaultKind::Busy, "GET /v1/events", 1)));
    let summary = background.reconcile_once().await;
    assert_eq!((summary.listed, summary.failed), (100, 1), "{summary:?}");
    assert_eq!(summary.failures[0].problem.code, "provider-busy");
    // What is known counts at once: the newest come first. A decline of a later second than the payment's creation
    // is told before.
    let outputs = host.outputs("order-1").await;
    assert_eq!(outputs.last().map(String::as_str), Some("Approved"), "{outputs:?}");
    host.fake.set_fault(None);
    clock.advance(Duration::from_mins(1));
    let summary = background.reconcile_once().await;
    assert_eq!((summary.listed, summary.failed), (151, 0), "{summary:?}");
    // The declines before it, which come later, are told no more.
    assert_eq!(host.outputs("order-1").await, outputs);
    // The mark has moved: only what may be listed late is listed again.
    clock.advance(Duration::from_mins(10));
    let before = listings(&host);
    background.reconcile_once().await;
    assert!(listings(&host) - before <= 3);
}

#[tokio::test]
async fn busy_answer_is_repeated() {
    let (host, background, clock) = installed(TEST_KEY).await;
    host.is_paid_in_silence("order-1").await;
    clock.advance(Duration::from_mins(11));
    let kind = FaultKind::Busy;
    let every = fake_provider::EveryNth { kind, requests: "GET".to_owned(), nth: 2 };
    host.fake.set_every_nth(Some(every));
    let mut failed = 0;
    for _ in 0..3 {
        clock.advance(Duration::from_mins(10));
        failed += background.reconcile_once().await.failed;
    }
    assert_eq!(failed, 0);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn key_that_may_not_list_still_asks() {
    let (host, background, clock) = installed(MAY_NOT_LIST).await;
    host.is_paid_in_silence("order-1").await;
    clock.advance(Duration::from_mins(11));
    background.reconcile_once().await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
    // It does not try again and again.
    let before = listings(&host);
    for _ in 0..30 {
        clock.advance(Duration::from_mins(10));
        background.reconcile_once().await;
    }
    assert_eq!(listings(&host), before);
    let (_, report) = host.marketplace.status().await.unwrap();
    let check = report.checks.into_iter().find(|check| check.id == "reconciliation").unwrap();
    assert!(check.verdict == Verdict::Warn && check.message.contains("may not list"), "{check:?}");
    // An approved payment is read again, so that a dispute is seen all the same.
    host.fake.dispute(false, &intent_of(&host, "order-1").await);
    clock.advance(DAY);
    background.reconcile_once().await;
    assert_eq!(notices(&host).await, ["disputed"]);
    assert_eq!(attention(&host).await, ["dispute"]);
}

#[tokio::test]
async fn dead_key_is_left_alone_and_named() {
    let (host, background, clock) = installed(TEST_KEY).await;
    host.ask("order-1").await;
    host.fake.set_fault(Some(FaultKind::Rejected.into()));
    host.fake.forget_requests();
    for _ in 0..360 {
        clock.advance(Duration::from_secs(10));
        background.reconcile_once().await;
    }
    let requests = host.fake.number_of_requests();
    assert!((5..20).contains(&requests), "{requests} requests in an hour");
    let item = host.marketplace.attention().await.unwrap().remove(0);
    assert_eq!(item.problem.code, "reconciliation-lags");
    assert!(item.problem.message.contains("does not accept"), "{}", item.problem.message);
    host.fake.set_fault(None);
    clock.advance(Duration::from_hours(2));
    background.reconcile_once().await;
    assert!(attention(&host).await.is_empty());
}

#[tokio::test]
async fn every_workspace_is_reconciled() {
    let (host, background, clock) = installed(TEST_KEY).await;
    let second = host.open(host.data.path(), "second").await;
    second.install(super::host::options("sk_test_51SecondAccount")).await.unwrap();
    let page = second.pay(request("order-1", 1050)).await.unwrap().stored.checkout_url.unwrap();
    host.is_paid_in_silence("order-1").await;
    let path = "/v1/webhook_endpoints";
    let webhooks = host.ask_stripe("sk_test_51SecondAccount", path).await;
    let id = webhooks["data"][0]["id"].as_str().unwrap();
    let url = format!("http://{}{path}/{id}", host.fake.address());
    host.client.delete(url).bearer_auth("sk_test_51SecondAccount").send().await.unwrap();
    host.pay(&page, PAYS).await;
    // No delivery has told it.
    let told = second.transitions(None, 0, 10).await.unwrap();
    assert_eq!(told.last().unwrap().output(), Some("Pending"));
    clock.advance(Duration::from_mins(11));
    background.reconcile_once().await;
    let told = second.transitions(None, 0, 10).await.unwrap();
    assert_eq!(told.last().unwrap().output(), Some("Approved"));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn clock_a_year_ahead_loses_no_event() {
    let (host, _, _) = installed(TEST_KEY).await;
    let year = Duration::from_hours(24 * 365);
    let ahead = Clock::simulated(now() + year.as_secs());
    let wrong = host.at(ahead).await;
    let page = wrong.pay(request("order-1", 1050)).await.unwrap().stored.checkout_url.unwrap();
    wrong.reconcile(|_| ()).await.unwrap();
    host.delete_webhooks().await;
    host.pay(&page, PAYS).await;
    let summary = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((summary.failed, summary.new), (0, 1), "{summary:?}");
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn large_pages_are_asked_for_smaller() {
    let (host, _, _) = installed(TEST_KEY).await;
    let page = host.ask("order-1").await;
    host.delete_webhooks().await;
    for _ in 0..60 {
        host.pay(&page, IS_DECLINED).await;
    }
    host.pay(&page, PAYS).await;
    host.fake.set_event_padding(100 << 10);
    let summary = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((summary.listed, summary.failed), (61, 0), "{summary:?}");
}

#[tokio::test]
async fn later_truth_reaches_the_flow() {
    let (host, background, clock) = installed(TEST_KEY).await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let intent = intent_of(&host, "order-1").await;
    let round = async || {
        clock.advance(Duration::from_mins(10));
        background.reconcile_once().await;
        (notices(&host).await, attention(&host).await)
    };
    // In Stripe's own Dashboard.
    host.tell_stripe(TEST_KEY, "/v1/refunds", &format!("payment_intent={intent}&amount=50")).await;
    assert_eq!(round().await.0, ["refunded"]);
    host.fake.fail_last_refund(false);
    let (told, needed) = round().await;
    assert_eq!((told.len(), told[1].as_str()), (2, "refund-failed"));
    assert_eq!(needed, ["refund-failed"]);
    assert_eq!(host.marketplace.payment("order-1").await.unwrap().stored.refunded, Some(0));
    host.marketplace.refund("order-1", "again", Some(50)).await.unwrap();
    assert!(attention(&host).await.is_empty());
    host.fake.dispute(false, &intent);
    let (told, needed) = round().await;
    assert_eq!(
        (told.last().unwrap().as_str(), needed.as_slice()),
        ("disputed", ["dispute".to_owned()].as_slice())
    );
    let item = host.marketplace.attention().await.unwrap().remove(0);
    assert!(item.due_by.is_some_and(|due_by| due_by > now()));
    host.fake.close_dispute(false, &intent, "won");
    let (told, needed) = round().await;
    assert_eq!((told.last().unwrap().as_str(), needed.len()), ("dispute-closed", 0));
    // An output is never taken back.
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn open_page_is_asked_about_on_back_off_and_at_its_end() {
    let (host, background, clock) = installed(TEST_KEY).await;
    host.ask("order-1").await;
    host.fake.forget_requests();
    for _ in 0..(26 * 60) {
        clock.advance(Duration::from_mins(1));
        background.reconcile_once().await;
    }
    let requests = host.fake.requests();
    let reads = requests.iter().filter(|request| request.starts_with("GET /v1/checkout/")).count();
    assert!((4..=6).contains(&reads), "{reads} reads in a day");
    // Half of what the manifest allots for a month, and the daily report.
    let listings = listings(&host);
    assert!(listings <= 26 * 3600 / 518, "{listings} listings in a day");
}
