//! Payments and refunds.

use serde_json::{Value, json};

use super::stand_in::{StandIn, installation, missing, problem_of};
use crate::bindings::brain_studio::payments::types::{
    AttemptSearch, Awaited, CaptureMethod, CompletionRequest, Money, PaymentRequest,
    PaymentSearchResult, PaymentStatus, ProviderError, RefundRequest,
};
use crate::payments;

const CREATE: &str = "POST /v1/checkout/sessions";
const SESSION: &str = "GET /v1/checkout/sessions/cs_1";
const INTENT: &str = "GET /v1/payment_intents/pi_1";

fn metadata() -> Value {
    json!({
        "brain_studio_installation": "i1",
        "brain_studio_workspace": "w1",
        "brain_studio_reference": "order-1",
        "brain_studio_attempt": "a1",
    })
}

fn session(status: &str, intent: &Value) -> Value {
    json!({
        "id": "cs_1",
        "amount_total": 1050,
        "currency": "usd",
        "livemode": false,
        "status": status,
        "url": "https://checkout.stripe.com/c/cs_1",
        "payment_intent": intent,
        "metadata": metadata(),
    })
}

fn intent(status: &str) -> Value {
    let received = if status == "succeeded" { 1050 } else { 0 };
    json!({
        "id": "pi_1",
        "amount": 1050,
        "amount_received": received,
        "currency": "usd",
        "livemode": false,
        "status": status,
        "latest_charge": { "amount_refunded": 0, "disputed": false },
        "metadata": metadata(),
    })
}

fn request() -> PaymentRequest {
    PaymentRequest {
        reference: "order-1".to_owned(),
        attempt_id: "a1".to_owned(),
        idempotency_key: "key-1".to_owned(),
        reserved_at: 1_000,
        amount: Money { minor_units: 1050, currency: "usd".to_owned() },
        description: None,
        success_url: "https://shop.example/thanks".to_owned(),
        cancel_url: None,
        expires_at: Some(5_000),
        capture_method: CaptureMethod::Manual,
    }
}

#[test]
fn create_makes_a_checkout_session() {
    let stripe = StandIn::default().with(CREATE, 200, session("open", &Value::Null));
    let payment =
        stripe.run(|stripe| payments::create(stripe, &installation(), &request())).unwrap();
    assert_eq!(payment.id, "cs_1");
    assert_eq!(payment.reference.as_deref(), Some("order-1"));
    assert!(matches!(payment.awaits, Awaited::Customer(Some(_))));
    insta::assert_snapshot!(stripe.take_requests().join("\n"));
}

#[test]
fn create_maps_stripes_answers() {
    let refused = json!({ "error": { "code": "amount_too_small", "message": "Too small" } });
    let spent = json!({ "error": { "type": "idempotency_error" } });
    let rows = [
        (200, json!({}), "outcome-unknown"),
        (0, Value::Null, "outcome-unknown"),
        (500, Value::Null, "outcome-unknown"),
        (409, Value::Null, "outcome-unknown"),
        (429, Value::Null, "provider-busy"),
        (400, refused, "amount_too_small"),
        (400, spent, "reference-used"),
        (401, Value::Null, "key-rejected"),
    ];
    for (status, body, code) in rows {
        let stripe = StandIn::default().with(CREATE, status, body);
        let error =
            stripe.run(|stripe| payments::create(stripe, &installation(), &request())).unwrap_err();
        assert_eq!(problem_of(error).code, code, "{status}");
        assert_eq!(stripe.take_requests().len(), 1, "{status}");
    }
}

#[test]
fn wrong_payment_request_sends_nothing() {
    let wrong = [
        (PaymentRequest { reference: String::new(), ..request() }, "reference-invalid"),
        (PaymentRequest { reference: "x".repeat(201), ..request() }, "reference-invalid"),
        (
            PaymentRequest {
                amount: Money { minor_units: 0, currency: "usd".to_owned() },
                ..request()
            },
            "amount-invalid",
        ),
        (
            PaymentRequest {
                amount: Money { minor_units: 1, currency: "dollar".to_owned() },
                ..request()
            },
            "currency-invalid",
        ),
    ];
    for (request, code) in wrong {
        let stripe = StandIn::default();
        let error =
            stripe.run(|stripe| payments::create(stripe, &installation(), &request)).unwrap_err();
        assert_eq!(problem_of(error).code, code);
        assert!(stripe.take_requests().is_empty());
    }
}

#[test]
fn malformed_id_sends_nothing() {
    for id in ["", "order-1", "pi_1/../../refunds", "pi_1?x=1", "cs_ü"] {
        let stripe = StandIn::default();
        let error = stripe.run(|stripe| payments::get(stripe, &installation(), id)).unwrap_err();
        assert!(matches!(error, ProviderError::NotFound(_)), "{id}");
        assert!(stripe.take_requests().is_empty(), "{id}");
    }
    let stripe = StandIn::default().with(INTENT, 404, missing());
    let error = stripe.run(|stripe| payments::get(stripe, &installation(), "pi_1")).unwrap_err();
    assert_eq!(problem_of(error).code, "payment-not-found");
}

#[test]
fn cancel_closes_an_open_page() {
    let stripe = StandIn::default()
        .with(SESSION, 200, session("open", &Value::Null))
        .with("POST /v1/checkout/sessions/cs_1/expire", 200, Value::Null)
        .with(SESSION, 200, session("expired", &Value::Null));
    let payment = stripe.run(|stripe| payments::cancel(stripe, &installation(), "cs_1")).unwrap();
    assert_eq!(payment.status, PaymentStatus::Canceled);
}

#[test]
fn paid_payment_is_not_canceled() {
    let refused = json!({ "error": { "message": "This session is complete" } });
    let stripe = StandIn::default()
        .with(SESSION, 200, session("open", &Value::Null))
        .with("POST /v1/checkout/sessions/cs_1/expire", 400, refused)
        .with(SESSION, 200, session("complete", &intent("succeeded")));
    let error = stripe.run(|stripe| payments::cancel(stripe, &installation(), "cs_1")).unwrap_err();
    assert_eq!(problem_of(error).code, "payment-already-paid");
}

#[test]
fn complete_captures_what_was_authorised() {
    let request = CompletionRequest {
        payment: "pi_1".to_owned(),
        attempt_id: "a1".to_owned(),
        idempotency_key: "key-1".to_owned(),
        reserved_at: 1_000,
        return_query: None,
    };
    let stripe = StandIn::default()
        .with(INTENT, 200, intent("requires_capture"))
        .with("POST /v1/payment_intents/pi_1/capture", 200, Value::Null)
        .with(INTENT, 200, intent("succeeded"));
    let payment =
        stripe.run(|stripe| payments::complete(stripe, &installation(), &request)).unwrap();
    assert_eq!(payment.status, PaymentStatus::Approved);
    let stripe = StandIn::default().with(INTENT, 200, intent("requires_action"));
    let error =
        stripe.run(|stripe| payments::complete(stripe, &installation(), &request)).unwrap_err();
    assert_eq!(problem_of(error).code, "payment-not-completable");
}

#[test]
fn refund_of_the_same_reference_is_made_once() {
    let made = json!({
        "id": "re_1",
        "payment_intent": "pi_1",
        "amount": 1050,
        "currency": "usd",
        "status": "succeeded",
        "metadata": { "brain_studio_workspace": "w1", "brain_studio_refund": "refund-1" },
    });
    let request = |minor_units| RefundRequest {
        payment: "pi_1".to_owned(),
        reference: "refund-1".to_owned(),
        attempt_id: "a2".to_owned(),
        idempotency_key: "key-2".to_owned(),
        reserved_at: 1_000,
        minor_units,
    };
    let stripe = StandIn::default()
        .with(INTENT, 200, intent("succeeded"))
        .with("GET /v1/refunds", 200, json!({ "data": [], "has_more": false }))
        .with("POST /v1/refunds", 200, made.clone())
        .with("GET /v1/refunds", 200, json!({ "data": [made], "has_more": false }));
    let refund = |request: &RefundRequest| {
        stripe.run(|stripe| payments::refund(stripe, &installation(), request))
    };
    for _ in 0..2 {
        assert_eq!(refund(&request(None)).unwrap().id, "re_1");
    }
    assert_eq!(problem_of(refund(&request(Some(5))).unwrap_err()).code, "reference-used");
    let requests = stripe.take_requests();
    let writes = requests.iter().filter(|request| request.starts_with("POST"));
    assert_eq!(writes.count(), 1, "{requests:?}");
}

#[test]
fn failed_refund_of_the_same_reference_is_made_anew() {
    for status in ["failed", "canceled"] {
        let refund = |id: &str, status: &str| {
            json!({
                "id": id,
                "payment_intent": "pi_1",
                "amount": 1050,
                "currency": "usd",
                "status": status,
                "metadata": { "brain_studio_workspace": "w1", "brain_studio_refund": "refund-1" },
            })
        };
        let earlier = json!({ "data": [refund("re_1", status)], "has_more": false });
        let stripe = StandIn::default()
            .with(INTENT, 200, intent("succeeded"))
            .with("GET /v1/refunds", 200, earlier)
            .with("POST /v1/refunds", 200, refund("re_2", "succeeded"));
        let request = RefundRequest {
            payment: "pi_1".to_owned(),
            reference: "refund-1".to_owned(),
            attempt_id: "a2".to_owned(),
            idempotency_key: "key-2".to_owned(),
            reserved_at: 1_000,
            minor_units: None,
        };
        let made =
            stripe.run(|stripe| payments::refund(stripe, &installation(), &request)).unwrap();
        assert_eq!(made.id, "re_2", "{status}");
    }
}

#[test]
fn search_ends_with_found_more_or_absent() {
    let search = |attempt: &str| AttemptSearch {
        attempt_id: attempt.to_owned(),
        reserved_at: 1_000,
        cursor: None,
    };
    let list =
        |has_more: bool| json!({ "data": [session("open", &Value::Null)], "has_more": has_more });
    let find = |attempt, has_more| {
        let stripe = StandIn::default()
            .with("GET /v1/checkout/sessions", 200, list(has_more))
            .with(SESSION, 200, session("open", &Value::Null));
        stripe.run(|stripe| payments::find(stripe, &installation(), &search(attempt))).unwrap()
    };
    assert!(
        matches!(find("a1", true), PaymentSearchResult::Found(payment) if payment.id == "cs_1")
    );
    assert!(matches!(find("a2", true), PaymentSearchResult::More(cursor) if cursor == "cs_1"));
    assert!(matches!(find("a2", false), PaymentSearchResult::Absent));
}

#[test]
fn payment_that_nobody_can_pay_any_more_is_canceled() {
    let rows = [
        ("open", "requires_payment_method", PaymentStatus::Pending),
        ("expired", "requires_payment_method", PaymentStatus::Canceled),
        // A voucher or a debit that failed after the session was complete.
        ("complete", "requires_payment_method", PaymentStatus::Canceled),
        ("complete", "processing", PaymentStatus::Pending),
        ("complete", "requires_action", PaymentStatus::RequiresAction),
        ("complete", "succeeded", PaymentStatus::Approved),
    ];
    for (session_status, intent_status, expected) in rows {
        let found = session(session_status, &json!("pi_1"));
        let stripe = StandIn::default()
            .with(SESSION, 200, session(session_status, &intent(intent_status)))
            .with(INTENT, 200, intent(intent_status))
            .with("GET /v1/checkout/sessions", 200, json!({ "data": [found] }));
        for id in ["cs_1", "pi_1"] {
            let payment = stripe.run(|stripe| payments::get(stripe, &installation(), id)).unwrap();
            assert_eq!(payment.status, expected, "{session_status} {intent_status} {id}");
            let is_over = matches!(payment.awaits, Awaited::Nothing);
            let is_final = matches!(expected, PaymentStatus::Canceled | PaymentStatus::Approved);
            assert_eq!(is_over, is_final, "{session_status} {intent_status} {id}");
        }
    }
}

#[test]
fn voucher_is_the_customers_link() {
    let rows = [("oxxo", "expires_after"), ("boleto", "expires_at")];
    for (method, expires) in rows {
        let kind = format!("{method}_display_details");
        let mut waiting = intent("requires_action");
        waiting["next_action"] = json!({
            "type": kind,
            (kind.as_str()): { "hosted_voucher_url": "https://payments.stripe.com/v/1", (expires): 9 },
        });
        let stripe = StandIn::default().with(INTENT, 200, waiting.clone()).with(
            SESSION,
            200,
            session("complete", &waiting),
        );
        for id in ["cs_1", "pi_1"] {
            let payment = stripe.run(|stripe| payments::get(stripe, &installation(), id)).unwrap();
            let Awaited::Customer(Some(link)) = payment.awaits else { panic!("{method} {id}") };
            assert_eq!(link.url, "https://payments.stripe.com/v/1");
            assert_eq!(link.expires_at, Some(9));
        }
    }
}
