//! Every request is valid for Stripe, field by field, by the types of its own npm package.

use std::collections::BTreeSet;

use fake_provider::ApiRequest;
use host_test::contract::types::CaptureMethod;
use host_test::marketplace::{InstallOptions, PaymentOrder};
use serde_json::Value;

use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY, now, options, options_with_secret, request};

const SHAPES: &str = include_str!("../fixtures/request-shapes.json");

/// The requests of the marketplace's use cases. None of them calls `get-refund` yet.
const ROUTES: [&str; 19] = [
    "DELETE /v1/webhook_endpoints/{id}",
    "GET /v1/account",
    "GET /v1/charges",
    "GET /v1/checkout/sessions",
    "GET /v1/checkout/sessions/{id}",
    "GET /v1/disputes",
    "GET /v1/events",
    "GET /v1/payment_intents/{id}",
    "GET /v1/refunds",
    "GET /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints/{id}",
    "GET /v2/core/event_destinations",
    "POST /v1/checkout/sessions",
    "POST /v1/checkout/sessions/{id}/expire",
    "POST /v1/payment_intents/{id}/cancel",
    "POST /v1/payment_intents/{id}/capture",
    "POST /v1/refunds",
    "POST /v1/webhook_endpoints",
    "POST /v1/webhook_endpoints/{id}",
];

/// A path with `{id}` where an object's id stands.
fn route(call: &ApiRequest) -> String {
    let is_id = |segment: &&str| {
        ["we_", "cs_", "pi_", "ch_", "ed_", "re_"].iter().any(|prefix| segment.starts_with(prefix))
    };
    let segment = |segment| if is_id(&segment) { "{id}" } else { segment };
    let path: Vec<_> = call.path.split('/').map(segment).collect();
    format!("{} {}", call.method, path.join("/"))
}

/// What is wrong with a value, by the shape that it should have. `rest` is what follows of its
/// name: `[0][quantity]`.
fn difference(shape: &Value, rest: &str, value: &str) -> Option<String> {
    if let Some(shapes) = shape["anyOf"].as_array() {
        let faults: Vec<_> = shapes.iter().map(|shape| difference(shape, rest, value)).collect();
        return if faults.contains(&None) { None } else { faults.into_iter().flatten().next() };
    }
    let (key, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((key, rest)) => (Some(key), rest),
        None => (None, rest),
    };
    match (shape["type"].as_str().unwrap(), key) {
        ("array", Some(index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            difference(&shape["items"], rest, value)
        }
        ("object", Some(field)) => match shape["fields"].get(field) {
            Some(shape) => difference(shape, rest, value),
            None => Some(format!("there is no field {field}")),
        },
        ("map", Some(key)) if key.len() <= 40 && value.chars().count() <= 500 => None,
        ("string", None) => {
            let allowed = shape["enum"].as_array();
            let is_allowed = allowed.is_none_or(|words| words.iter().any(|word| word == value));
            (!is_allowed || value.is_empty()).then(|| format!("{value:?} is not allowed"))
        }
        ("integer", None) if value.parse::<u64>().is_ok() => None,
        ("boolean", None) if ["true", "false"].contains(&value) => None,
        (kind, _) => Some(format!("{value:?} is no {kind}")),
    }
}

fn check(call: &ApiRequest, shapes: &Value, wrong: &mut Vec<String>) {
    let route = route(call);
    let shape = &shapes["requests"][&route];
    if shape.is_null() {
        wrong.push(format!("{route}: there is no such call"));
        return;
    }
    for required in shape["required"].as_array().unwrap() {
        let required = required.as_str().unwrap();
        let is_it = |name: &str| name == required || name.starts_with(&format!("{required}["));
        if !call.params.iter().any(|(name, _)| is_it(name)) {
            wrong.push(format!("{route}: {required} is missing"));
        }
    }
    for (name, value) in &call.params {
        let (field, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
        let fault = match shape["fields"].get(field) {
            Some(shape) => difference(shape, rest, value),
            None => Some("there is no such parameter".to_owned()),
        };
        wrong.extend(fault.map(|fault| format!("{route}: {name}: {fault}")));
    }
}

#[tokio::test]
async fn requests_match_stripes_shapes() {
    let mut calls = Vec::new();
    for key in [TEST_KEY, "rk_test_51AllThatIsNeeded"] {
        let host = Host::start().await;
        host.install(key).await.unwrap();
        let [id] = host.fake.endpoint_ids(false).try_into().unwrap();
        // What a test does itself is nobody's request.
        let before = host.fake.requests().len();
        host.tell_stripe(TEST_KEY, &format!("/v1/webhook_endpoints/{id}"), "disabled=true").await;
        host.marketplace.repair().await.unwrap();
        host.marketplace.status().await.unwrap();
        host.delete_webhooks().await;
        host.marketplace.repair().await.unwrap();
        let mut payment = request("order-1", 1050);
        payment.description = Some("Two coffees".to_owned());
        payment.cancel_url = Some("https://example.com/no".to_owned());
        payment.expires_at = Some(now() + 3600);
        let page = host.marketplace.pay(payment).await.unwrap().stored.checkout_url.unwrap();
        host.pay(&page, IS_DECLINED).await;
        host.marketplace.payment("order-1").await.unwrap();
        host.pay(&page, PAYS).await;
        host.marketplace.refund("order-1", "part", Some(50)).await.unwrap();
        host.marketplace.refund("order-1", "part", Some(50)).await.unwrap();
        host.marketplace.refund("order-1", "rest", None).await.unwrap();
        let declined = host.ask("order-2").await;
        host.pay(&declined, IS_DECLINED).await;
        host.marketplace.cancel("order-2").await.unwrap();
        host.ask("order-3").await;
        host.marketplace.payment("order-3").await.unwrap();
        let order =
            PaymentOrder { capture_method: CaptureMethod::Manual, ..request("order-4", 1050) };
        let page = host.marketplace.pay(order).await.unwrap().stored.checkout_url.unwrap();
        host.pay(&page, PAYS).await;
        host.marketplace.complete("order-4", None).await.unwrap();
        let page = host.ask("order-5").await;
        host.pay(&page, "4000 0000 0000 0259").await;
        host.marketplace.payment("order-5").await.unwrap();
        host.marketplace.reconcile(|_| ()).await.unwrap();
        host.marketplace.uninstall(false).await.unwrap();
        let by_hand = InstallOptions {
            webhook_is_manual: Some(true),
            ..options_with_secret(key, "whsec_madeByHand")
        };
        host.marketplace.install(by_hand).await.unwrap();
        host.marketplace.install(options(key)).await.unwrap();
        let mut made = host.fake.requests_with_params();
        made.remove(before);
        calls.extend(made);
    }
    let shapes: Value = serde_json::from_str(SHAPES).unwrap();
    let mut wrong = Vec::new();
    for call in &calls {
        check(call, &shapes, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A charge goes to the merchant's own account, and nothing of it anywhere else.
    let forbidden = ["application_fee", "transfer", "on_behalf_of"];
    for (name, _) in calls.iter().flat_map(|call| &call.params) {
        assert!(!forbidden.iter().any(|word| name.contains(word)), "{name}");
    }
    let routes: BTreeSet<_> = calls.iter().map(route).collect();
    assert_eq!(routes, BTreeSet::from(ROUTES.map(str::to_owned)));
}

#[test]
fn invalid_requests_are_found() {
    let shapes: Value = serde_json::from_str(SHAPES).unwrap();
    let rows = [
        ("POST", "/v1/webhook_endpoints", "url=u&enabled_events[]=payment_intent.succeeded", None),
        (
            "POST",
            "/v1/webhook_endpoints",
            "enabled_events[]=charge.refunded",
            Some("url is missing"),
        ),
        ("POST", "/v1/webhook_endpoints", "url=u&enabled_events[]=nothing", Some("not allowed")),
        ("POST", "/v1/webhook_endpoints", "url=u&enabled_events=*", Some("is no array")),
        ("POST", "/v1/webhook_endpoints/we_1", "disabled=yes", Some("is no boolean")),
        (
            "POST",
            "/v1/webhook_endpoints/we_1",
            "api_version=2026-10-28.endive",
            Some("no such parameter"),
        ),
        (
            "POST",
            "/v1/checkout/sessions",
            "line_items[0][price_data][amount]=1",
            Some("no field amount"),
        ),
        ("POST", "/v1/checkout/sessions", "line_items[0][quantity]=one", Some("is no integer")),
        ("GET", "/v1/webhooks", "", Some("no such call")),
    ];
    for (method, path, form, expected) in rows {
        let params = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let call = ApiRequest { method: method.to_owned(), path: path.to_owned(), params };
        let mut wrong = Vec::new();
        check(&call, &shapes, &mut wrong);
        match expected {
            None => assert!(wrong.is_empty(), "{wrong:?}"),
            Some(part) => {
                assert!(wrong.iter().any(|fault| fault.contains(part)), "{form}: {wrong:?}");
            }
        }
    }
}
