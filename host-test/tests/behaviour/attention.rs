//! What needs a person: seen, decided, and over.

use fake_provider::{Fault, FaultKind};
use host_test::contract::types::Verdict;
use ledger::types::PaymentStatus;
use rusqlite::Connection;

use super::host::{Host, PAYS, TEST_KEY, output, private_folder, request};

async fn items(host: &Host) -> Vec<(u64, String)> {
    let items = host.marketplace.attention().await.unwrap();
    items.into_iter().map(|item| (item.id, item.problem.code)).collect()
}

async fn codes(host: &Host) -> Vec<String> {
    items(host).await.into_iter().map(|(_, code)| code).collect()
}

/// A payment for which other money has arrived than was asked for.
async fn misfit(card: &str) -> (Host, u64) {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, card).await;
    assert_eq!(host.outputs("order-1").await, ["Pending"]);
    let found = items(&host).await;
    let [(id, code)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(code, "amount-differs");
    let (_, report) = host.marketplace.status().await.unwrap();
    let check = report.checks.into_iter().find(|check| check.id == "payments-attention").unwrap();
    assert_eq!(check.verdict, Verdict::Warn);
    (host, *id)
}

#[tokio::test]
async fn misfit_money_can_be_accepted() {
    for (card, arrived) in [("short", "9.45 USD"), ("euro", "10.50 EUR")] {
        let (host, id) = misfit(card).await;
        let item = host.marketplace.attention().await.unwrap().remove(0);
        assert!(item.problem.message.contains(arrived), "{}", item.problem.message);
        host.marketplace.accept_attention(id).await.unwrap();
        let transitions = host.marketplace.transitions(None, 0, 10).await.unwrap();
        assert_eq!(transitions.last().unwrap().told, output("Approved", true));
        assert!(codes(&host).await.is_empty());
        let again = host.marketplace.accept_attention(id).await.unwrap_err();
        assert_eq!(again.problem().code, "attention-unknown");
    }
}

#[tokio::test]
async fn misfit_money_that_is_refunded_frees_the_reference() {
    for card in ["short", "euro"] {
        let (host, _) = misfit(card).await;
        let (stored, refund) = host.marketplace.refund("order-1", "back", None).await.unwrap();
        assert_eq!(stored.status, PaymentStatus::Canceled);
        let currency = if card == "euro" { "eur" } else { "usd" };
        assert_eq!(refund.amount.currency, currency);
        assert!(codes(&host).await.is_empty());
        assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
        let page = host.ask("order-1").await;
        host.pay(&page, PAYS).await;
        assert_eq!(host.outputs("order-1").await.last().unwrap(), "Approved");
    }
}

#[tokio::test]
async fn misfit_money_that_is_refunded_in_the_dashboard_is_settled() {
    let (host, _) = misfit("short").await;
    let payment = host.marketplace.payment("order-1").await.unwrap().stored;
    let form = format!("payment_intent={}", payment.remote_id.unwrap());
    host.tell_stripe(TEST_KEY, "/v1/refunds", &form).await;
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert!(codes(&host).await.is_empty());
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
}

#[tokio::test]
async fn resolved_entry_stays_closed() {
    let (host, id) = misfit("short").await;
    host.marketplace.resolve_attention(id, "the shop has called the customer").await.unwrap();
    host.marketplace.payment("order-1").await.unwrap();
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert!(codes(&host).await.is_empty());
    assert_eq!(host.outputs("order-1").await, ["Pending"]);
}

#[tokio::test]
async fn only_money_can_be_accepted() {
    let host = Host::start().await;
    host.install("sk_live_51NotActivated").await.unwrap();
    host.marketplace.status().await.unwrap();
    let found = items(&host).await;
    let [(id, code)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(code, "account-cannot-charge");
    let refused = host.marketplace.accept_attention(*id).await.unwrap_err();
    assert_eq!(refused.problem().code, "attention-not-acceptable");
    host.fake.set_can_charge(true, true);
    host.install("sk_live_51Activated").await.unwrap();
    host.marketplace.status().await.unwrap();
    assert!(codes(&host).await.is_empty());
}

#[tokio::test]
async fn unknown_refund_needs_a_person_until_it_is_found() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.fake.set_fault(Some(Fault {
        kind: FaultKind::FailingForKey,
        requests: "POST /v1/refunds".to_owned(),
        skip: 0,
        has_effect: false,
    }));
    host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    host.fake.set_fault(None);
    let unknown = host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    assert_eq!(unknown.problem().code, "refund-unknown");
    assert_eq!(codes(&host).await, ["refund-unknown"]);
    // Somebody refunds it in the Dashboard.
    let payment = host.marketplace.payment("order-1").await.unwrap().stored;
    let form = format!("payment_intent={}", payment.remote_id.unwrap());
    host.tell_stripe(TEST_KEY, "/v1/refunds", &form).await;
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert!(codes(&host).await.is_empty());
}

#[tokio::test]
async fn refused_deliveries_need_a_person_until_one_is_genuine() {
    let host = Host::start().await;
    let url = host.install(TEST_KEY).await.unwrap().installation_url;
    let page = host.ask("order-1").await;
    // Refused deliveries are recorded once a second: the ledger is asked as if seconds had passed.
    let mut ledger = ledger::Ledger::open(&host.data.path().join("ledger.sqlite")).unwrap();
    let problem = ledger::types::Problem {
        code: "signature-mismatch".to_owned(),
        message: "The signature is wrong.".to_owned(),
        remedy: Vec::new(),
    };
    let (_, installation) = url.rsplit_once('=').unwrap();
    for at in 1..=2 {
        ledger.record_refused_deliveries(installation, 1, &problem, at).unwrap();
    }
    assert!(codes(&host).await.is_empty());
    let (status, _) = host.post(&url, Some("t=1,v1=00"), "{}").await;
    assert_eq!(status, 400);
    assert_eq!(codes(&host).await, ["deliveries-refused"]);
    host.pay(&page, PAYS).await;
    assert!(codes(&host).await.is_empty());
}

#[tokio::test]
async fn outputs_of_an_uninstalled_mode_are_not_lost() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    host.marketplace.uninstall(false).await.unwrap();
    assert_eq!(codes(&host).await, ["outputs-unread"]);
    let last = host.marketplace.transitions(None, 0, 10).await.unwrap().pop().unwrap();
    host.marketplace.acknowledge(None, "flow", last.position).await.unwrap();
    assert!(codes(&host).await.is_empty());
}

#[tokio::test]
async fn restored_backup_sells_no_paid_reference_again() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("before").await;
    host.pay(&page, PAYS).await;
    // The backup.
    let backup = private_folder();
    let ledger = Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    let copy = backup.path().join("ledger.sqlite");
    ledger.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    std::fs::copy(host.data.path().join("vault.key"), backup.path().join("vault.key")).unwrap();
    // What the backup does not know.
    let lost = host.ask("lost").await;
    host.pay(&lost, PAYS).await;
    let open = host.ask("tried").await;
    host.pay(&open, super::host::IS_DECLINED).await;

    let restored = host.open(backup.path(), "default").await;
    assert_eq!(restored.record_restored().await.unwrap().len(), 1);
    let closed = restored.pay(request("lost", 1050)).await.unwrap_err();
    assert_eq!(closed.problem().code, "ledger-restored");
    restored.reconcile(|_| ()).await.unwrap();
    let known = restored.pay(request("lost", 1050)).await.unwrap().stored;
    assert_eq!(known.status, PaymentStatus::Approved);
    // A page that a customer has tried is known again as well, and still the same one.
    let tried = restored.pay(request("tried", 1050)).await.unwrap().stored;
    assert_eq!(tried.checkout_url.as_deref(), Some(open.as_str()));
    let sessions = host.ask_stripe(TEST_KEY, "/v1/checkout/sessions").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 3);
    let positions = restored.transitions(None, 0, 100).await.unwrap();
    assert!(positions.last().unwrap().position > 1_000_000);
}

#[tokio::test]
async fn disputed_payment_is_not_refunded_as_well() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, "4000 0000 0000 0259").await;
    let refused = host.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    assert_eq!(refused.problem().code, "payment-disputed");
    let intent = host.marketplace.payment("order-1").await.unwrap().stored.remote_id.unwrap();
    host.fake.close_dispute(false, &intent, "won");
    host.marketplace.refund("order-1", "r1", None).await.unwrap();
    let list = host.ask_stripe(TEST_KEY, "/v1/refunds").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}
