//! Events on demand.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};
use shop::Shop;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The words of a list in the remedy of a refusal.
fn listed(refusal: &Value) -> Vec<String> {
    let remedy = refusal["remedy"][0].as_str().unwrap();
    let (_, list) = remedy.strip_suffix('.').unwrap().split_once(": ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

async fn known_events(shop: &Shop) -> Vec<String> {
    let (status, refusal) = shop.trigger("payment_intent.no_such", &[]).await;
    assert_eq!((status, &refusal["code"]), (400, &json!("event-unknown")));
    listed(&refusal)
}

/// A value for a field that can be chosen, and the field: it is another one than without the choice.
fn choice(path: &str) -> (String, Value) {
    let path = path.replace('*', "order");
    let value = match path.as_str() {
        "amount" | "amount_total" => json!(700),
        "amount_refunded" => json!(300),
        "currency" => json!("eur"),
        "reason" => json!("duplicate"),
        "cancellation_reason" => json!("abandoned"),
        "status" => json!("won"),
        "last_payment_error.decline_code" => json!("insufficient_funds"),
        _ => json!("chosen"),
    };
    (path, value)
}

/// What the API says about an object.
async fn as_read(shop: &Shop, object: &Value) -> Value {
    let path = match object["object"].as_str().unwrap() {
        "checkout.session" => "checkout/sessions",
        "payment_intent" => "payment_intents",
        "charge" => "charges",
        "refund" => "refunds",
        "dispute" => "disputes",
        other => panic!("{other}"),
    };
    shop.ask(&format!("/v1/{path}/{}", object["id"].as_str().unwrap()), &[]).await
}

#[tokio::test]
async fn every_triggered_event_agrees_with_the_api_and_is_the_newest_of_its_type() {
    let shop = Shop::open().await;
    let events = known_events(&shop).await;
    assert!(events.len() >= 14, "{events:?}");
    for event in events {
        let (status, happened) = shop.trigger(&event, &[]).await;
        assert_eq!(status, 200, "{event}: {happened}");
        let triggered = &happened["event"];
        assert_eq!(triggered["type"], event);
        assert_eq!(as_read(&shop, &triggered["data"]["object"]).await, triggered["data"]["object"]);
        let newest = shop.ask(&format!("/v1/events?limit=1&type={event}"), &[]).await;
        assert_eq!(newest["data"][0], *triggered);
    }
}

#[tokio::test]
async fn every_field_that_can_be_chosen_is_in_the_event_and_in_the_api() {
    let shop = Shop::open().await;
    let mut chosen = 0;
    for event in known_events(&shop).await {
        let (status, refusal) = shop.trigger(&event, &[("no.such", "1")]).await;
        assert_eq!((status, &refusal["code"]), (400, &json!("override-unknown")), "{event}");
        for path in listed(&refusal) {
            let (path, value) = choice(&path);
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (status, happened) = shop.trigger(&event, &[(&path, &text)]).await;
            assert_eq!(status, 200, "{event} {path}: {happened}");
            let mut object = happened["event"]["data"]["object"].clone();
            assert_eq!(as_read(&shop, &object).await, object);
            let pointer = format!("/{}", path.replace('.', "/"));
            if path.starts_with("payment_intent.") {
                let intent = object["payment_intent"].as_str().unwrap();
                object["payment_intent"] =
                    shop.ask(&format!("/v1/payment_intents/{intent}"), &[]).await;
            }
            assert_eq!(object.pointer(&pointer), Some(&value), "{event} {path}: {object:#}");
            chosen += 1;
        }
    }
    assert!(chosen > 60, "{chosen}");
}

#[tokio::test]
async fn override_with_an_impossible_value_changes_nothing() {
    let shop = Shop::open().await;
    for (event, path, value) in [
        ("payment_intent.succeeded", "amount", "ten"),
        ("payment_intent.succeeded", "amount", "0"),
        ("payment_intent.succeeded", "amount", "49"),
        ("payment_intent.succeeded", "currency", "dollars"),
        ("payment_intent.payment_failed", "last_payment_error.decline_code", "no_such"),
        ("payment_intent.canceled", "cancellation_reason", "no such"),
        ("checkout.session.completed", "amount_total", "49"),
        ("charge.refunded", "amount_refunded", "2001"),
        ("refund.created", "reason", "no such"),
        ("charge.dispute.closed", "status", "needs_response"),
    ] {
        let (status, refusal) = shop.trigger(event, &[(path, value)]).await;
        assert_eq!((status, &refusal["code"]), (400, &json!("override-invalid")), "{event} {path}");
        assert!(refusal["message"].as_str().unwrap().contains(path), "{refusal}");
    }
    assert!(shop.events().await.is_empty());
}

#[tokio::test]
async fn trigger_tells_how_each_webhook_answered() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        let sent = sender.send((headers, body));
        async move { sent.unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/taken", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let shop =
        Shop::delivering(move |url| format!("http://{address}{}", url.path()).parse().ok()).await;
    let mut secret = String::new();
    for (path, event) in [
        ("taken", "payment_intent.payment_failed"),
        ("missing", "payment_intent.payment_failed"),
        ("other", "payment_intent.succeeded"),
    ] {
        let url = format!("https://shop.example/{path}");
        let endpoint = [("url", url.as_str()), ("enabled_events[]", event)];
        let endpoint = shop.ask("/v1/webhook_endpoints", &endpoint).await;
        if path == "taken" {
            endpoint["secret"].as_str().unwrap().clone_into(&mut secret);
        }
    }
    let (_, happened) = shop.trigger("payment_intent.payment_failed", &[("amount", "500")]).await;
    let deliveries: Vec<_> = happened["deliveries"].as_array().unwrap().iter().collect();
    assert_eq!(deliveries.len(), 2, "{happened}");
    let summary = |delivery: &Value| {
        (delivery["url"].clone(), delivery["status"].clone(), delivery["attempts"].clone())
    };
    let taken = (json!("https://shop.example/taken"), json!(200), json!(1));
    let missing = (json!("https://shop.example/missing"), json!(404), json!(3));
    assert_eq!(summary(deliveries[0]), taken);
    assert_eq!(summary(deliveries[1]), missing);
    assert_eq!(happened["is_delivering"], false);

    let (headers, body) = received.recv().await.unwrap();
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event, happened["event"]);
    let header = headers["stripe-signature"].to_str().unwrap();
    let time = header.strip_prefix("t=").unwrap().split(',').next().unwrap();
    let expected = fake_stripe::signature(&secret, false, &body, time.parse().unwrap());
    assert_eq!(header, expected);
}
