//! Money that arrives where nobody expects it any more.

use host_test::contract::types::Verdict;

use super::host::{Host, PAYS, TEST_KEY, request};

/// A canceled attempt whose page a customer can pay all the same.
async fn revived() -> (Host, String) {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.marketplace.cancel("order-1").await.unwrap();
    host.fake.revive_session(false, page.rsplit('/').next().unwrap());
    (host, page)
}

async fn attention(host: &Host) -> (Verdict, String) {
    let (_, report) = host.marketplace.status().await.unwrap();
    let check = report.checks.into_iter().find(|check| check.id == "payments-attention").unwrap();
    (check.verdict, check.message)
}

#[tokio::test]
async fn success_belongs_to_its_own_attempt() {
    let (host, first) = revived().await;
    let second = host.ask("order-1").await;
    assert_ne!(first, second);
    assert_eq!(attention(&host).await.0, Verdict::Pass);
    host.pay(&first, PAYS).await;
    // The second page is closed before the customer pays again, and nothing was approved.
    let session = second.rsplit('/').next().unwrap();
    let session = host.ask_stripe(TEST_KEY, &format!("/v1/checkout/sessions/{session}")).await;
    assert_eq!(session["status"], "expired");
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected", "Pending", "Rejected"]);
    let (verdict, message) = attention(&host).await;
    assert!(verdict == Verdict::Warn && message.contains("order-1"), "{message}");
}

#[tokio::test]
async fn late_money_can_be_given_back() {
    let (host, page) = revived().await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
    // A second charge would be one too many.
    let error = host.marketplace.pay(request("order-1", 1050)).await.unwrap_err();
    assert_eq!(error.problem().code, "paid-late");
    let (stored, _) = host.marketplace.refund("order-1", "r1", None).await.unwrap();
    assert_eq!((stored.status.as_str(), stored.refunded), ("canceled", Some(1050)));
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    assert_eq!(host.outputs("order-1").await.last().unwrap(), "Approved");
}

#[tokio::test]
async fn late_money_is_found_by_reconciliation() {
    let (host, page) = revived().await;
    host.fake.set_delivery_disorder(Some(1));
    host.delete_webhooks().await;
    host.pay(&page, PAYS).await;
    assert_eq!(attention(&host).await.0, Verdict::Pass);
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!(attention(&host).await.0, Verdict::Warn);
}
