//! Vouchers: the customer pays days later, or never.

use ledger::types::PaymentStatus;

use super::host::{Host, TEST_KEY, output};

/// A customer who has chosen a voucher, and the voucher's page.
async fn issued() -> (Host, String) {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, "voucher").await;
    let view = host.marketplace.payment("order-1").await.unwrap();
    let voucher = view.stored.checkout_url.unwrap();
    assert_eq!(voucher, format!("{page}/voucher"));
    assert_eq!(view.stored.status, PaymentStatus::RequiresAction);
    (host, voucher)
}

#[tokio::test]
async fn paid_voucher_is_approved() {
    let (host, voucher) = issued().await;
    // The reference is held, and its link is the voucher's.
    assert_eq!(host.ask("order-1").await, voucher);
    host.act(&voucher, "outcome", "pay").await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn expired_voucher_frees_its_reference() {
    let (host, voucher) = issued().await;
    host.act(&voucher, "outcome", "expire").await;
    host.marketplace.reconcile(|_| ()).await.unwrap();
    let transitions = host.marketplace.transitions(None, 0, 100).await.unwrap();
    let last = transitions.last().unwrap();
    assert_eq!(last.told, output("Rejected", true));
    let page = host.ask("order-1").await;
    assert_ne!(page, voucher);
    host.pay(&page, super::host::PAYS).await;
    assert_eq!(host.outputs("order-1").await.last().unwrap(), "Approved");
}
