//! What can be done with a payment after it was asked for, and what Stripe does with it alone.

use std::sync::Arc;
use std::time::Duration;

use host_test::contract::types::PaymentStatus;
use host_test::fake::{Trouble, TroubleKind};
use host_test::marketplace::Reconciled;

use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY, request};

async fn paid(reference: &str) -> Host {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask(reference).await;
    host.pay(&page, PAYS).await;
    host
}

async fn code_of_cancel(host: &Host, id: &str) -> String {
    host.marketplace.cancel(id).await.unwrap_err().problem().code
}

#[tokio::test]
async fn a_canceled_payment_can_never_be_paid_and_its_reference_is_free_again() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    for is_tried in [false, true] {
        let page = host.ask("order-1").await;
        if is_tried {
            host.pay(&page, IS_DECLINED).await;
        }
        let canceled = host.marketplace.cancel("order-1").await.unwrap().known;
        assert_eq!(canceled.status, PaymentStatus::Canceled);
        // The page is closed: whoever pays there now pays nothing.
        host.pay(&page, PAYS).await;
        let again = host.marketplace.cancel(canceled.name.as_ref().unwrap()).await.unwrap().known;
        assert_eq!(again.status, PaymentStatus::Canceled);
    }
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let outputs = host.outputs("order-1").await;
    let expected =
        ["Pending", "Rejected", "Pending", "Rejected", "Rejected", "Pending", "Approved"];
    assert_eq!(outputs, expected);
    assert_eq!(code_of_cancel(&host, "order-1").await, "payment-already-paid");
    assert_eq!(code_of_cancel(&host, "order-9").await, "payment-unknown");
}

#[tokio::test]
async fn a_refund_happens_once_however_often_it_is_asked_for() {
    let host = paid("order-1").await;
    let refund =
        |reference: &'static str, amount| host.marketplace.refund("order-1", reference, amount);
    let (known, first) = refund("part", Some(300)).await.unwrap();
    assert_eq!((first.amount.minor_units, first.status.as_str()), (300, "succeeded"));
    assert_eq!((known.refunded, known.status), (Some(300), PaymentStatus::Approved));
    let (_, again) = refund("part", Some(300)).await.unwrap();
    assert_eq!(again.id, first.id);
    let code = |error: host_test::marketplace::Error| error.problem().code;
    assert_eq!(code(refund("part", Some(301)).await.unwrap_err()), "reference-used");
    let (known, rest) = refund("rest", None).await.unwrap();
    assert_eq!((rest.amount.minor_units, known.refunded), (750, Some(1050)));
    assert_eq!(code(refund("more", None).await.unwrap_err()), "payment-already-refunded");
    let (_, again) = refund("rest", None).await.unwrap();
    assert_eq!(again.id, rest.id);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);

    host.ask("order-2").await;
    let unpaid = host.marketplace.refund("order-2", "all", None).await.unwrap_err();
    assert_eq!(code(unpaid), "payment-not-paid");
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_repeated_safely() {
    let host = paid("order-1").await;
    for kind in [TroubleKind::Failing, TroubleKind::Broken] {
        host.fake.set_trouble(Some(Trouble {
            kind,
            calls: "POST /v1/refunds".to_owned(),
            spared: 0,
            has_effect: true,
        }));
        let refund = host.marketplace.refund("order-1", "all", None).await;
        // The second time it is found before it is made.
        let code = refund.map_or_else(|error| error.problem().code, |_| String::new());
        assert_eq!(code, if kind == TroubleKind::Failing { "outcome-unknown" } else { "" });
    }
    host.fake.set_trouble(None);
    host.marketplace.refund("order-1", "all", None).await.unwrap();
    let list = host.ask_stripe(TEST_KEY, "/v1/refunds").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_no_delivery_told_is_found_by_asking() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let expires = host.marketplace.pay(request("expires", 500)).await.unwrap().known;
    let refunded = host.ask("refunded").await;
    host.pay(&refunded, PAYS).await;
    host.is_paid_in_silence("paid").await;
    let path = format!("/v1/checkout/sessions/{}/expire", expires.name.unwrap());
    host.tell_stripe(TEST_KEY, &path, "").await;
    let intents = host.ask_stripe(TEST_KEY, "/v1/payment_intents?limit=100").await;
    let first = intents["data"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    // In Stripe's own Dashboard.
    host.tell_stripe(TEST_KEY, "/v1/refunds", &format!("payment_intent={first}&amount=50")).await;

    let found = host.marketplace.reconcile(|_| ()).await.unwrap();
    // Of the four events one had been delivered.
    assert_eq!(found, Reconciled { listed: 4, new: 3, asked: 0, changed: 0 });
    assert_eq!(host.outputs("paid").await, ["Pending", "Approved"]);
    assert_eq!(host.outputs("expires").await, ["Pending", "Rejected"]);
    let known = host.marketplace.story("refunded").await.unwrap().1;
    assert_eq!(known.payment.refunded, Some(50));
    assert_eq!(known.happenings.len(), 4, "{:?}", known.happenings);
    let again = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((again.new, again.changed), (0, 0));
}

#[tokio::test]
async fn a_payment_of_an_account_that_was_installed_before_does_not_hold_up_the_others() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.ask("of-the-first").await;
    host.marketplace.uninstall(false).await.unwrap();
    host.install("sk_test_51SecondAccount").await.unwrap();
    host.ask("of-the-second").await;
    let found = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((found.asked, found.changed), (2, 0));
}

#[tokio::test]
async fn what_cannot_be_placed_is_settled_as_soon_as_stripe_can_be_asked() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    // What was fetched is of no known time: the event that follows is asked about.
    host.marketplace.payment("order-1").await.unwrap();
    host.fake.set_trouble(Some(TroubleKind::Failing.into()));
    host.pay(&page, IS_DECLINED).await;
    assert!(host.fake.attempts().iter().all(|attempt| attempt.status == Some(200)));
    let story = host.marketplace.story("order-1").await.unwrap().1;
    assert!(!story.payment.settled);
    assert_eq!(host.outputs("order-1").await, ["Pending"]);
    host.fake.set_trouble(None);

    let background = tokio::spawn(Arc::clone(&host.marketplace).keep_reconciled());
    let known = host.marketplace.wait("order-1", Duration::from_secs(30)).await.unwrap();
    background.abort();
    assert_eq!(known.status, PaymentStatus::Rejected);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
}

#[tokio::test]
async fn a_node_with_a_time_limit_goes_on_with_pending_and_the_truth_still_comes() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    let late = host.marketplace.wait("order-1", Duration::ZERO).await.unwrap();
    assert_eq!(late.status, PaymentStatus::Pending);
    let waiting = async { host.marketplace.wait("order-1", Duration::from_secs(30)).await };
    let (known, ()) = tokio::join!(waiting, host.pay(&page, PAYS));
    assert_eq!(known.unwrap().status, PaymentStatus::Approved);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn each_consumer_reads_on_from_where_it_has_acknowledged() {
    let host = paid("order-1").await;
    let unread = async |consumer: &str| {
        let unread = host.marketplace.unread(consumer).await.unwrap();
        unread.into_iter().map(|t| (t.position, t.output, t.r#final)).collect::<Vec<_>>()
    };
    let all = unread("a").await;
    assert_eq!(all, [(1, "Pending".to_owned(), false), (2, "Approved".to_owned(), true)]);
    // What was read and not acknowledged comes again: a consumer may have crashed.
    assert_eq!(unread("a").await, all);
    host.marketplace.acknowledge("a", 1).await.unwrap();
    assert_eq!(unread("a").await, all[1..]);
    host.marketplace.acknowledge("a", 2).await.unwrap();
    host.marketplace.acknowledge("a", 1).await.unwrap();
    assert!(unread("a").await.is_empty());
    assert_eq!(unread("b").await, all);
}
