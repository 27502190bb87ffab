//! Installing, repairing and uninstalling.

use serde_json::{Value, json};

use super::stand_in::{StandIn, install_request, installation, lacks, missing, problem_of};
use crate::bindings::brain_studio::payments::types::{ProviderError, WebhookOwner};
use crate::connection::{install, repair, uninstall};
use crate::stripe::API_VERSION;

const ACCOUNT: &str = "GET /v1/account";
const CREATE: &str = "POST /v1/webhook_endpoints";
const LIST: &str = "GET /v1/webhook_endpoints";

fn account() -> Value {
    json!({ "id": "acct_1" })
}

fn endpoint(id: &str) -> Value {
    json!({
        "id": id,
        "url": "https://chat.example.dev/hook?provider=STRIPE&installation=i1",
        "status": "enabled",
        "enabled_events": ["payment_intent.succeeded", "payment_intent.requires_action", "payment_intent.payment_failed"],
        "api_version": API_VERSION,
        "metadata": { "brain_studio_installation": "i1", "brain_studio_workspace": "w1" },
        "secret": format!("whsec_of_{id}"),
    })
}

fn list(endpoints: &[Value]) -> Value {
    json!({ "data": endpoints, "has_more": false })
}

#[test]
fn install_registers_the_webhook() {
    let stripe =
        StandIn::default().with(ACCOUNT, 200, account()).with(CREATE, 200, endpoint("we_1"));
    let installation = stripe.run(|stripe| install(stripe, &install_request("standard"))).unwrap();
    assert_eq!(installation.account.as_deref(), Some("acct_1"));
    assert_eq!(installation.webhook.endpoint_id.as_deref(), Some("we_1"));
    assert_eq!(installation.webhook.signing_secrets, ["whsec_of_we_1"]);
    insta::assert_snapshot!(stripe.take_requests().join("\n"));
}

#[test]
fn unknown_request_is_named() {
    let without_webhooks = StandIn::default().with(ACCOUNT, 200, account());
    for (stripe, request) in [(StandIn::default(), ACCOUNT), (without_webhooks, CREATE)] {
        let error = stripe.run(|stripe| install(stripe, &install_request("standard"))).unwrap_err();
        assert!(matches!(error, ProviderError::Refused(_)), "{request}");
        let problem = problem_of(error);
        assert_eq!(problem.code, "provider-request-unknown");
        assert!(problem.message.contains(request), "{}", problem.message);
    }
}

#[test]
fn lost_registration_is_replaced() {
    for status in [0, 500] {
        let stripe = StandIn::default()
            .with(ACCOUNT, 200, account())
            .with(CREATE, status, Value::Null)
            .with(LIST, 200, list(&[endpoint("we_lost")]))
            .with("DELETE /v1/webhook_endpoints/we_lost", 200, Value::Null)
            .with(CREATE, 200, endpoint("we_2"));
        let installed = stripe.run(|stripe| install(stripe, &install_request("standard"))).unwrap();
        assert_eq!(installed.webhook.signing_secrets, ["whsec_of_we_2"], "{status}");
        let requests = stripe.take_requests();
        assert!(requests.contains(&"DELETE /v1/webhook_endpoints/we_lost".to_owned()), "{status}");
    }
}

#[test]
fn restricted_key_is_probed() {
    let probes = |stripe: StandIn| {
        stripe
            .with("POST /v1/checkout/sessions/cs_0/expire", 404, missing())
            .with("POST /v1/payment_intents/pi_0/cancel", 404, missing())
            .with("GET /v1/charges", 200, list(&[]))
            .with("GET /v1/events", 200, list(&[]))
            .with("POST /v1/webhook_endpoints/we_0", 403, lacks("rak_webhook_write"))
            .with(LIST, 403, lacks("rak_webhook_read"))
            .with(ACCOUNT, 403, json!({ "error": { "message": "on account 'acct_9'" } }))
    };
    let request = install_request("restricted");
    let stripe = probes(StandIn::default()).with("POST /v1/refunds", 404, missing());
    let installation = stripe.run(|stripe| install(stripe, &request)).unwrap();
    assert_eq!(installation.account.as_deref(), Some("acct_9"));
    let webhook = installation.webhook;
    assert_eq!((webhook.owner, webhook.endpoint_id), (WebhookOwner::Plugin, None));
    assert_eq!(webhook.problem.unwrap().code, "webhook-not-permitted");
    let stripe = StandIn::default().with(
        "POST /v1/checkout/sessions/cs_0/expire",
        403,
        lacks("rak_checkout_session_write"),
    );
    let stripe = probes(stripe).with("POST /v1/refunds", 403, lacks("rak_refund_write"));
    let error = stripe.run(|stripe| install(stripe, &request)).unwrap_err();
    let ProviderError::PermissionMissing(problem) = error else { panic!() };
    for name in ["rak_webhook_write", "rak_checkout_session_write", "rak_refund_write"] {
        assert!(problem.message.contains(name), "{}", problem.message);
    }
    assert!(!stripe.take_requests().iter().any(|request| request.starts_with("GET /v1/account")));
}

#[test]
fn repair_corrects_in_place_and_deletes_strays() {
    let mut disabled = endpoint("we_1");
    disabled["status"] = json!("disabled");
    let stripe = StandIn::default()
        .with(ACCOUNT, 200, account())
        .with("GET /v1/webhook_endpoints/we_1", 200, disabled)
        .with("POST /v1/webhook_endpoints/we_1", 200, endpoint("we_1"))
        .with(LIST, 200, list(&[endpoint("we_1"), endpoint("we_stray")]))
        .with("DELETE /v1/webhook_endpoints/we_stray", 200, Value::Null);
    let request = install_request("standard");
    let outcome = stripe.run(|stripe| repair(stripe, installation(), &request)).unwrap();
    assert_eq!(outcome.changes.len(), 2, "{:?}", outcome.changes);
    assert_eq!(outcome.installation.webhook.signing_secrets, ["whsec_1"]);
    insta::assert_snapshot!(stripe.take_requests().join("\n"));
}

#[test]
fn key_of_another_account_is_refused() {
    let stripe = StandIn::default().with(ACCOUNT, 200, json!({ "id": "acct_2" }));
    let request = install_request("standard");
    let error = stripe.run(|stripe| repair(stripe, installation(), &request)).err().unwrap();
    assert_eq!(problem_of(error).code, "account-mismatch");
    assert_eq!(stripe.take_requests(), [ACCOUNT]);
}

/// Which requests a restricted key with no permission for accounts and webhooks sends to prove its account,
/// and whether it is taken.
#[test]
fn restricted_key_proves_its_account_by_a_payment() {
    const INTENT: &str = "GET /v1/payment_intents/pi_1";
    let read = (200, json!({ "id": "pi_1" }));
    for (known, (status, answer), is_taken) in [
        (Some("pi_1"), read.clone(), true),
        (Some("pi_1"), (404, missing()), false),
        (Some("pi_1"), (403, lacks("rak_payment_intent_read")), false),
        (Some("../pi_1"), read.clone(), false),
        (None, read, false),
    ] {
        let lacks_webhooks = lacks("rak_webhook_read");
        let stripe = StandIn::default()
            .with(ACCOUNT, 403, json!({ "error": { "message": "not for restricted keys" } }))
            .with("GET /v1/webhook_endpoints/we_1", 403, lacks_webhooks.clone())
            .with(LIST, 403, lacks_webhooks)
            .with(INTENT, status, answer);
        let mut request = install_request("standard");
        request.known_payment = known.map(str::to_owned);
        let repaired = stripe.run(|stripe| repair(stripe, installation(), &request));
        assert_eq!(repaired.is_ok(), is_taken, "{known:?} {status}");
        if let Err(error) = repaired {
            assert_eq!(problem_of(error).code, "account-mismatch");
        }
    }
}

#[test]
fn uninstall_of_what_is_gone_is_done() {
    let stripe = StandIn::default().with("DELETE /v1/webhook_endpoints/we_1", 404, missing()).with(
        LIST,
        200,
        list(&[]),
    );
    stripe.run(|stripe| uninstall(stripe, &installation())).unwrap();
    // An unknown request says nothing of the endpoint.
    let error = StandIn::default().run(|stripe| uninstall(stripe, &installation())).unwrap_err();
    assert_eq!(problem_of(error).code, "provider-request-unknown");
}
