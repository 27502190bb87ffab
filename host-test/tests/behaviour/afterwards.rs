//! What can be done with a payment after it was asked for, and what Stripe does with it alone.

use std::sync::Arc;
use std::time::Duration;

use fake_provider::{Fault, FaultKind};
use host_test::contract::types::{
    AttemptSearch, Awaited, CaptureMethod, Installation, Mode, Money, PaymentRequest,
    PaymentSearchResult, ProviderError, RefundSearch, RefundSearchResult,
};
use host_test::egress::{Credentials, Gateway, Policy};
use host_test::fair_places::Owner;
use host_test::marketplace::{PaymentOrder, Providers, ReconciliationSummary};
use ledger::types::PaymentStatus;
use secrecy::SecretString;

use super::host::{Host, IS_DECLINED, LIVE_KEY, PAYS, TEST_KEY, gateway, plugin, request};

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
async fn canceled_payment_frees_its_reference() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    for is_tried in [false, true] {
        let page = host.ask("order-1").await;
        if is_tried {
            host.pay(&page, IS_DECLINED).await;
        }
        let canceled = host.marketplace.cancel("order-1").await.unwrap().stored;
        assert_eq!(canceled.status, PaymentStatus::Canceled);
        // The page is closed: whoever pays there now pays nothing.
        host.pay(&page, PAYS).await;
        let again =
            host.marketplace.cancel(canceled.remote_id.as_ref().unwrap()).await.unwrap().stored;
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
async fn repeated_refund_happens_once() {
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
async fn lost_refund_answer_is_repeated_safely() {
    let host = paid("order-1").await;
    for kind in [FaultKind::Failing, FaultKind::Broken] {
        host.fake.set_fault(Some(Fault {
            kind,
            requests: "POST /v1/refunds".to_owned(),
            skip: 0,
            has_effect: true,
        }));
        let refund = host.marketplace.refund("order-1", "all", None).await;
        // The second time it is found before it is made.
        let code = refund.map_or_else(|error| error.problem().code, |_| String::new());
        assert_eq!(code, if kind == FaultKind::Failing { "outcome-unknown" } else { "" });
    }
    host.fake.set_fault(None);
    host.marketplace.refund("order-1", "all", None).await.unwrap();
    let list = host.ask_stripe(TEST_KEY, "/v1/refunds").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_no_delivery_told_is_found_by_asking() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let expires = host.marketplace.pay(request("expires", 500)).await.unwrap().stored;
    let refunded = host.ask("refunded").await;
    host.pay(&refunded, PAYS).await;
    host.is_paid_in_silence("paid").await;
    let path = format!("/v1/checkout/sessions/{}/expire", expires.remote_id.unwrap());
    host.tell_stripe(TEST_KEY, &path, "").await;
    let intents = host.ask_stripe(TEST_KEY, "/v1/payment_intents?limit=100").await;
    let first = intents["data"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    // In Stripe's own Dashboard.
    host.tell_stripe(TEST_KEY, "/v1/refunds", &format!("payment_intent={first}&amount=50")).await;

    let found = host.marketplace.reconcile(|_| ()).await.unwrap();
    // Of the four events one had been delivered.
    // What the refund has left is asked about.
    let expected = ReconciliationSummary {
        listed: 4,
        new: 3,
        asked: 1,
        changed: 1,
        ..ReconciliationSummary::default()
    };
    assert_eq!(found, expected);
    assert_eq!(host.outputs("paid").await, ["Pending", "Approved"]);
    assert_eq!(host.outputs("expires").await, ["Pending", "Rejected"]);
    let known = host.marketplace.payment_history("refunded").await.unwrap().1;
    assert_eq!(known.payment.refunded, Some(50));
    // Two events, two outputs and a notice.
    assert_eq!(known.entries.len(), 5, "{:?}", known.entries);
    let again = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((again.new, again.changed), (0, 0));
}

#[tokio::test]
async fn payment_of_former_account_blocks_no_other() {
    let host = Host::start().await;
    host.install(LIVE_KEY).await.unwrap();
    // A voucher cannot be closed.
    let page = host.ask("of-the-first").await;
    host.pay(&page, "voucher").await;
    host.marketplace.uninstall(true).await.unwrap();
    host.install("sk_live_51SecondAccount").await.unwrap();
    host.ask("of-the-second").await;
    let found = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((found.asked, found.changed), (2, 0));
}

#[tokio::test]
async fn unsettled_payment_is_refetched() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    // What was fetched is of no known time: the event that follows is asked about.
    host.marketplace.payment("order-1").await.unwrap();
    host.fake.set_fault(Some(FaultKind::Failing.into()));
    host.pay(&page, IS_DECLINED).await;
    assert!(host.fake.attempts().iter().all(|attempt| attempt.status == Some(200)));
    let story = host.marketplace.payment_history("order-1").await.unwrap().1;
    assert!(story.payment.needs_refetch);
    assert_eq!(host.outputs("order-1").await, ["Pending"]);
    host.fake.set_fault(None);

    let background =
        tokio::spawn(Providers::from(Arc::clone(&host.marketplace)).reconcile_forever());
    let known = host.marketplace.wait("order-1", Duration::from_secs(30)).await.unwrap();
    background.abort();
    assert_eq!(known.status, PaymentStatus::Rejected);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
}

#[tokio::test]
async fn slow_create_is_pending_first() {
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
async fn authorised_payment_is_pending() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let order = PaymentOrder { capture_method: CaptureMethod::Manual, ..request("order-1", 1050) };
    let page = host.marketplace.pay(order).await.unwrap().stored.checkout_url.unwrap();
    let too_early = host.marketplace.complete("order-1", None).await.unwrap_err();
    assert_eq!(too_early.problem().code, "payment-not-completable");
    host.pay(&page, PAYS).await;
    let view = host.marketplace.payment("order-1").await.unwrap();
    assert_eq!((view.stored.status, view.stored.received), (PaymentStatus::Pending, 0));
    assert_eq!(view.stored.checkout_url, None);
    assert!(matches!(view.provider.unwrap().awaits, Awaited::Completion(Some(_))));
    // The answer is lost, and it is asked for again.
    host.fake.set_fault(Some(Fault {
        kind: FaultKind::Broken,
        requests: "POST /v1/payment_intents".to_owned(),
        skip: 0,
        has_effect: true,
    }));
    let lost = host.marketplace.complete("order-1", None).await.unwrap_err();
    assert_eq!(lost.problem().code, "outcome-unknown");
    host.fake.set_fault(None);
    for _ in 0..2 {
        let completed = host.marketplace.complete("order-1", None).await.unwrap().stored;
        assert_eq!((completed.status, completed.received), (PaymentStatus::Approved, 1050));
    }
    host.fake.delivered().await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn dispute_is_shown() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, "4000 0000 0000 0259").await;
    let view = host.marketplace.payment("order-1").await.unwrap();
    assert_eq!(view.stored.status, PaymentStatus::Approved);
    let payment = view.provider.unwrap();
    let [dispute] = payment.disputes.as_slice() else { panic!("one dispute") };
    assert_eq!(dispute.status.as_str(), "needs-response");
    assert_eq!((dispute.amount.minor_units, &dispute.payment), (1050, &payment.id));
    assert!(dispute.due_by.is_some() && !dispute.is_refundable);
    // The event was never delivered: the webhook has three types only.
    let found = host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!((found.listed, found.new), (2, 1));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

/// The egress of the installed key, and the installation as the plugin knows it.
async fn as_plugin(host: &Host) -> (Gateway, Credentials, Installation) {
    let provider = format!("https://api.stripe.com=http://{}", host.fake.address());
    let plugin = plugin().await;
    let policy = Policy::new(plugin.manifest(), &[provider.parse().unwrap()]).unwrap();
    let key = ("api-key".to_owned(), SecretString::from(TEST_KEY));
    let workspace = host.marketplace.workspace().to_owned();
    let installation = Installation { workspace, ..Installation::ad_hoc(Vec::new()) };
    (gateway(policy), Credentials::new([key]), installation)
}

#[tokio::test]
async fn lost_answer_is_found_by_attempt() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let (known, refund) = host.marketplace.refund("order-1", "part", Some(300)).await.unwrap();
    // More than one page of younger ones.
    for _ in 0..120 {
        let form = "mode=payment&success_url=https://shop.example.com&line_items[0][price_data][currency]=usd\
             &line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Tea";
        host.tell_stripe(TEST_KEY, "/v1/checkout/sessions", form).await;
    }
    let (gateway, credentials, installation) = as_plugin(&host).await;
    let plugin = plugin().await;
    let egress = || gateway.egress(Owner::default(), Mode::Test, credentials.clone());
    let find = async |attempt: &str| {
        let mut search = AttemptSearch {
            attempt_id: attempt.to_owned(),
            reserved_at: known.attempt.reserved_at,
            cursor: None,
        };
        for page in 1.. {
            let result = plugin.find_payment(egress().into(), &installation, &search).await;
            match result.unwrap().unwrap() {
                PaymentSearchResult::More(cursor) => search.cursor = Some(cursor),
                PaymentSearchResult::Found(payment) => return Some((payment, page)),
                _ => return None,
            }
        }
        None
    };
    let (payment, pages) = find(&known.attempt.id).await.unwrap();
    assert_eq!((payment.reference.as_deref(), pages), (Some("order-1"), 2));
    assert_eq!((payment.status.as_str(), payment.received), ("approved", 1050));
    assert_eq!(payment.attempt_id, Some(known.attempt.id.clone()));
    assert!(find("another").await.is_none());

    let attempt_id = refund.attempt_id.clone().unwrap();
    let find = async |payment: &str, attempt_id: &str| {
        let search = RefundSearch {
            payment: payment.to_owned(),
            attempt_id: attempt_id.to_owned(),
            reserved_at: known.attempt.reserved_at,
            cursor: None,
        };
        plugin.find_refund(egress().into(), &installation, &search).await.unwrap()
    };
    // By any id of the payment.
    for id in &payment.aliases {
        let found = find(id, &attempt_id).await.unwrap();
        assert_eq!(found, RefundSearchResult::Found(refund.clone()), "{id}");
        assert_eq!(find(id, "another").await.unwrap(), RefundSearchResult::Absent);
    }
    assert!(find("no id", &attempt_id).await.is_err());
    let again =
        plugin.get_refund(egress().into(), &installation, &refund.id).await.unwrap().unwrap();
    assert_eq!(again, refund);
}

#[tokio::test]
async fn lost_page_is_found() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    for (kind, reference) in [(FaultKind::Failing, "order-1"), (FaultKind::Broken, "order-2")] {
        host.fake.set_fault(Some(Fault {
            kind,
            requests: "POST /v1/checkout/sessions".to_owned(),
            skip: 0,
            has_effect: true,
        }));
        let lost = host.marketplace.pay(request(reference, 1050)).await.unwrap_err();
        assert_eq!(lost.problem().code, "outcome-unknown");
        // Stripe would repeat its failure for a day, and refuse another description.
        host.fake.set_fault(None);
        let description = Some("Another description".to_owned());
        let again = PaymentOrder { description, ..request(reference, 1050) };
        let page = host.marketplace.pay(again).await.unwrap().stored.checkout_url.unwrap();
        host.pay(&page, PAYS).await;
        assert_eq!(host.outputs(reference).await, ["Pending", "Approved"]);
    }
    let sessions = host.ask_stripe(TEST_KEY, "/v1/checkout/sessions").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn reference_stays_taken_while_unknown() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.fake.set_fault(Some(Fault {
        kind: FaultKind::Broken,
        requests: "POST /v1/checkout/sessions".to_owned(),
        skip: 0,
        has_effect: true,
    }));
    host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
    // The key is deleted: nothing can be found out, and nothing says that there is no page.
    host.fake.set_fault(Some(FaultKind::Rejected.into()));
    let refused = host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
    assert_eq!(refused.problem().code, "key-rejected");
    host.fake.set_fault(None);
    host.ask("order-1").await;
    let sessions = host.ask_stripe(TEST_KEY, "/v1/checkout/sessions").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn spent_key_is_not_a_refusal() {
    let host = Host::start().await;
    host.fake.set_fault(Some(Fault {
        kind: FaultKind::Failing,
        requests: "POST /v1/checkout/sessions".to_owned(),
        skip: 0,
        has_effect: true,
    }));
    let (gateway, credentials, installation) = as_plugin(&host).await;
    let plugin = plugin().await;
    let create = async |description: &str| {
        let request = PaymentRequest {
            reference: "order-1".to_owned(),
            attempt_id: "attempt-1".to_owned(),
            idempotency_key: "create-attempt-1".to_owned(),
            reserved_at: 1,
            amount: Money { minor_units: 1050, currency: "usd".to_owned() },
            description: Some(description.to_owned()),
            success_url: "https://example.com/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        };
        let egress = gateway.egress(Owner::default(), Mode::Test, credentials.clone());
        plugin.create_payment(egress.into(), &installation, &request).await.unwrap().unwrap_err()
    };
    assert!(matches!(create("Two coffees").await, ProviderError::UnknownOutcome(_)));
    host.fake.set_fault(None);
    assert!(matches!(create("Two coffees").await, ProviderError::ReplayedFailure(_)));
    let spent = create("Another description").await;
    assert!(matches!(spent, ProviderError::KeySpent(_)));
    assert_eq!(spent.problem().code, "reference-used");
}
