//! Restricted keys: missing permissions are found before anything is created, and named all at once.

use host_test::contract::types::ProviderError;
use host_test::marketplace::Error;

use super::host::{Host, request};

#[tokio::test]
async fn all_missing_permissions_are_named() {
    let host = Host::start().await;
    let error = host.install("rk_test_51WithoutCheckoutWebhookRefund").await.unwrap_err();
    assert!(matches!(error, Error::Provider(ProviderError::PermissionMissing(_))));
    let problem = error.problem();
    assert_eq!(problem.code, "permission-missing");
    for missing in ["rak_checkout_session_write", "rak_webhook_write", "rak_refund_write"] {
        assert!(problem.message.contains(missing), "{}", problem.message);
    }
    for present in ["rak_event_read", "rak_charge_read", "rak_payment_intent_write"] {
        assert!(!problem.message.contains(present), "{}", problem.message);
    }
    let link = problem.remedy.iter().find(|step| step.contains("https://")).unwrap();
    for permission in &host.marketplace.plugin().manifest().permissions {
        assert!(link.contains(&format!("permissions[]={}", permission.id)), "{link}");
    }
    assert!(host.fake.endpoint_ids(false).is_empty());
    assert_eq!(host.marketplace.status().await.unwrap_err().problem().code, "not-installed");
}

#[tokio::test]
async fn asking_what_a_key_may_do_changes_nothing() {
    let host = Host::start().await;
    host.install("rk_test_51AllThatIsNeeded").await.unwrap();
    host.marketplace.status().await.unwrap();
    for call in host.fake.requests() {
        // What is written to does not exist, but for the webhook itself.
        let is_harmless = call.starts_with("GET ")
            || call.contains("/we_0")
            || call.contains("/cs_0")
            || call.contains("/pi_0")
            || call == "POST /v1/refunds"
            || call == "POST /v1/webhook_endpoints";
        assert!(is_harmless, "{call}");
    }
    let refund = host.fake.requests_with_params().into_iter().find(|c| c.path == "/v1/refunds");
    assert_eq!(refund.unwrap().params, [("payment_intent".to_owned(), "pi_0".to_owned())]);
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
}

#[tokio::test]
async fn a_key_that_may_take_payments_is_enough() {
    let host = Host::start().await;
    let connection = host.install("rk_test_51WithoutWebhookRefundEventAccount").await.unwrap();
    assert_eq!(connection.account, None);
    assert_eq!(connection.problem.unwrap().code, "webhook-not-permitted");
    let view = host.marketplace.pay(request("order-1", 1050)).await.unwrap();
    assert!(view.stored.checkout_url.is_some());
}

#[tokio::test]
async fn essential_permission_is_required() {
    let host = Host::start().await;
    for (key, lacks) in [
        ("rk_live_51WithoutPaymentIntent", "rak_payment_intent_write"),
        ("rk_live_51WithoutCharge", "rak_charge_read"),
    ] {
        let problem = host.install(key).await.unwrap_err().problem();
        assert!(problem.message.contains(lacks), "{}", problem.message);
    }
    assert!(host.fake.endpoint_ids(true).is_empty());
}

#[tokio::test]
async fn repair_sees_added_permission() {
    let host = Host::start().await;
    let before = host.install("rk_test_51WithoutWebhook").await.unwrap();
    assert_eq!(before.problem.unwrap().code, "webhook-not-permitted");
    let after = host.install("rk_test_51AllThatIsNeeded").await.unwrap();
    assert!(after.is_rotation);
    assert_eq!((after.problem, after.changes.len()), (None, 1));
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
}
