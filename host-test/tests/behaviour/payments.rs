//! Payments: asked for, paid, looked up.

use host_test::contract::types::Awaited;
use host_test::marketplace::ErrorKind;
use ledger::types::Authority;

use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY, now, output, request};

#[tokio::test]
async fn the_same_reference_is_the_same_payment() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let first = host.ask("order-1").await;
    assert_eq!(host.ask("order-1").await, first);
    let error = host.marketplace.pay(request("order-1", 999)).await.unwrap_err();
    assert_eq!(error.problem().code, "reference-used");
    assert_ne!(host.ask("order-2").await, first);
}

#[tokio::test]
async fn payment_carries_our_ids_and_no_fee() {
    let host = Host::start().await;
    let connection = host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let view = host.marketplace.payment("order-1").await.unwrap();
    let intent = view.stored.remote_id.unwrap();
    let intent = host.ask_stripe(TEST_KEY, &format!("/v1/payment_intents/{intent}")).await;
    let session = page.rsplit('/').next().unwrap();
    let session = host.ask_stripe(TEST_KEY, &format!("/v1/checkout/sessions/{session}")).await;
    for object in [&intent, &session] {
        let metadata = &object["metadata"];
        assert_eq!(metadata["brain_studio_reference"], "order-1");
        assert_eq!(metadata["brain_studio_workspace"], host.marketplace.workspace());
        assert_eq!(metadata["brain_studio_installation"], connection.installation.as_str());
    }
    assert_eq!(session["client_reference_id"], "order-1");
    // A fee or a transfer would be a parameter that the fake does not know, and refuses.
}

#[tokio::test]
async fn a_payment_is_found_by_every_name_it_has() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    let session = page.rsplit('/').next().unwrap().to_owned();
    let before = host.marketplace.payment(&session).await.unwrap();
    assert_eq!(before.stored.remote_id.as_deref(), Some(session.as_str()));
    host.pay(&page, IS_DECLINED).await;
    host.pay(&page, PAYS).await;
    let by_session = host.marketplace.payment(&session).await.unwrap();
    let intent = by_session.stored.remote_id.clone().unwrap();
    assert!(intent.starts_with("pi_"));
    for name in ["order-1", session.as_str(), intent.as_str()] {
        let view = host.marketplace.payment(name).await.unwrap();
        assert_eq!(view.stored.reference, "order-1");
        assert_eq!(view.stored.status.as_str(), "approved");
        assert_eq!((view.stored.received, view.stored.refunded), (1050, Some(0)));
        assert_eq!(view.stored.checkout_url, None);
        assert_eq!(view.provider.unwrap().status.as_str(), "approved");
    }
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected", "Approved"]);
    let error = host.marketplace.payment("order-2").await.unwrap_err();
    assert_eq!(error.problem().code, "payment-unknown");
}

#[tokio::test]
async fn refused_payment_frees_its_reference() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    for _ in 0..2 {
        let error = host.marketplace.pay(request("order-1", 10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.problem().message.contains("at least 50 cents"));
    }
    host.ask("order-1").await;
}

#[tokio::test]
async fn page_lives_as_long_as_asked() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let now = now();
    let mut order = request("order-1", 1050);
    order.expires_at = Some(now + 60);
    // Too short for Stripe, which says so. The reference is free.
    let error = host.marketplace.pay(order.clone()).await.unwrap_err();
    assert!(error.problem().message.contains("30 minutes"), "{}", error.problem().message);
    order.expires_at = Some(now + 3600);
    let view = host.marketplace.pay(order).await.unwrap();
    let Awaited::Customer(Some(link)) = view.provider.unwrap().awaits else { panic!() };
    assert_eq!(link.expires_at, Some(now + 3600));
}

#[tokio::test]
async fn rejected_payment_can_be_left() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, IS_DECLINED).await;
    host.marketplace.cancel("order-1").await.unwrap();
    let transitions = host.marketplace.transitions(None, 0, 10).await.unwrap();
    let last = transitions.last().unwrap();
    assert_eq!(last.told, output("Rejected", true));
    // The page is closed, and the reference free.
    assert_ne!(host.ask("order-1").await, page);
}

#[tokio::test]
async fn asking_finds_out_what_no_delivery_said() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.is_paid_in_silence("order-1").await;
    let view = host.marketplace.payment("order-1").await.unwrap();
    assert_eq!(view.stored.status.as_str(), "approved");
    assert!(view.stored.authority == Authority::Fetched);
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}
