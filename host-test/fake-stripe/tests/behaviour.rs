//! What a caller of the API sees after a test has changed something.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use fake_stripe::{EveryNth, FaultKind, Unreliable};
use shop::{Shop, body_of};

const CARD: &str = "4242 4242 4242 4242";

#[tokio::test]
async fn short_payment_succeeds_with_a_part_and_only_that_can_be_refunded() {
    let shop = Shop::open().await;
    let intent = shop.pay(&shop.page("usd", &[]).await, "short").await;
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["amount"], 1055);
    assert_eq!(intent["amount_received"], 949);
    assert_eq!(intent["latest_charge"]["amount_captured"], 949);

    let of_intent = ("payment_intent", intent["id"].as_str().unwrap());
    let too_much = shop.ask("/v1/refunds", &[of_intent, ("amount", "950")]).await;
    assert!(too_much["error"].is_object(), "{too_much}");
    assert_eq!(shop.ask("/v1/refunds", &[of_intent]).await["amount"], 949);
}

#[tokio::test]
async fn short_payment_that_is_captured_later_authorises_a_part() {
    let shop = Shop::open().await;
    let manual = [("payment_intent_data[capture_method]", "manual")];
    let intent = shop.pay(&shop.page("usd", &manual).await, "short").await;
    assert_eq!(intent["amount_capturable"], 949);
}

#[tokio::test]
async fn payment_in_another_currency_has_as_many_units() {
    let shop = Shop::open().await;
    for (due, paid) in [("usd", "eur"), ("eur", "usd"), ("jpy", "eur")] {
        let intent = shop.pay(&shop.page(due, &[]).await, "euro").await;
        assert_eq!(intent["currency"], paid);
        assert_eq!(intent["amount_received"], 1055);
        let refund = [("payment_intent", intent["id"].as_str().unwrap())];
        assert_eq!(shop.ask("/v1/refunds", &refund).await["currency"], paid);
    }
}

#[tokio::test]
async fn dispute_begins_later_and_ends_once() {
    let shop = Shop::open().await;
    for (status, funds) in [("lost", 0), ("won", 1)] {
        let intent = shop.pay(&shop.page("usd", &[]).await, CARD).await;
        let id = intent["id"].as_str().unwrap();
        let before = shop.events().await.len();
        shop.fake.dispute(false, id);
        shop.fake.close_dispute(false, id, status);
        shop.fake.close_dispute(false, id, status);
        let expected =
            ["charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_reinstated"];
        assert_eq!(shop.events().await[before..], expected[..2 + funds]);
        let disputes = shop.ask(&format!("/v1/disputes?payment_intent={id}"), &[]).await;
        assert_eq!(disputes["data"].as_array().unwrap().len(), 1);
        assert_eq!(disputes["data"][0]["status"], status);
        assert!(disputes["data"][0]["evidence_details"]["due_by"].is_u64());
    }
}

#[tokio::test]
async fn unpaid_payment_cannot_be_disputed() {
    let shop = Shop::open().await;
    let intent = shop.pay(&shop.page("usd", &[]).await, "4000 0000 0000 0002").await;
    let before = shop.events().await;
    shop.fake.dispute(false, intent["id"].as_str().unwrap());
    assert_eq!(shop.events().await, before);
}

#[tokio::test]
async fn account_cannot_charge_by_its_key_or_by_a_change() {
    let shop = Shop::open().await;
    let can_charge = async |key: &str| {
        let account = body_of(shop.ask_as(key, "/v1/account", &[]).await).await;
        assert_eq!(account["charges_enabled"], account["details_submitted"]);
        (account["id"].clone(), account["charges_enabled"] == true)
    };
    let (id, can) = can_charge("sk_test_51Shop").await;
    assert!(can);
    assert_eq!(can_charge("sk_test_51NotActivated").await, (id.clone(), false));
    shop.fake.set_can_charge(false, false);
    assert_eq!(can_charge("sk_test_51Shop").await, (id.clone(), false));
    assert_eq!(can_charge("sk_live_51Shop").await, (id, true));
}

#[tokio::test]
async fn restricted_keys_lose_a_permission_and_get_it_back() {
    let shop = Shop::open().await;
    let status = async |key: &str| shop.ask_as(key, "/v1/events", &[]).await.status().as_u16();
    // This key could still read.
    let keys = ["rk_test_51Shop", "rk_test_51WithoutEventWrite"];
    for (lost, expected) in [(Some("Event"), 403), (Some("Charge"), 200), (None, 200)] {
        shop.fake.set_lost_permission(lost);
        for key in keys {
            assert_eq!(status(key).await, expected, "{key} {lost:?}");
        }
        assert_eq!(status("sk_test_51Shop").await, 200);
    }
}

#[tokio::test]
async fn page_of_a_hundred_padded_events_exceeds_four_mebibytes() {
    let shop = Shop::open().await;
    for _ in 0..34 {
        shop.pay(&shop.page("usd", &[]).await, CARD).await;
    }
    shop.fake.set_event_padding(42_000);
    let path = "/v1/events?limit=100";
    let body = shop.ask_as("sk_test_51Shop", path, &[]).await.bytes().await.unwrap();
    assert!(body.len() > 4 * 1024 * 1024, "{}", body.len());
    let events: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let padding = &events["data"][99]["data"]["previous_attributes"]["padding"];
    assert_eq!(padding.as_str().unwrap().len(), 42_000);
    shop.fake.set_event_padding(0);
    let event = &shop.ask("/v1/events", &[]).await["data"][0];
    assert!(event["data"].get("previous_attributes").is_none());
}

#[tokio::test]
async fn failed_request_is_not_carried_out() {
    let shop = Shop::open().await;
    let requests = "POST /v1/checkout/sessions".to_owned();
    shop.fake.set_every_nth(Some(EveryNth { kind: FaultKind::Busy, requests, nth: 2 }));
    assert!(shop.page("usd", &[]).await["id"].is_string());
    assert_eq!(shop.page("usd", &[]).await["error"]["code"], "rate_limit");
    let sessions = shop.ask("/v1/checkout/sessions", &[]).await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn customer_pages_of_an_unreliable_provider_are_reliable() {
    let shop = Shop::open().await;
    let page = shop.page("usd", &[]).await;
    shop.fake.set_unreliable(Some(Unreliable { seed: 1, one_in: 1 }));
    let status = shop.ask_as("sk_test_51Shop", "/v1/account", &[]).await.status().as_u16();
    assert!(matches!(status, 429 | 500), "{status}");
    shop.pay(&page, CARD).await;
    shop.fake.set_unreliable(None);
    assert!(shop.events().await.contains(&"payment_intent.succeeded".to_owned()));
}

#[tokio::test]
async fn requests_are_counted_until_they_are_forgotten() {
    let shop = Shop::open().await;
    shop.ask("/v1/account", &[]).await;
    shop.ask("/v1/account", &[]).await;
    assert_eq!(shop.fake.number_of_requests(), 2);
    shop.fake.forget_requests();
    assert_eq!(shop.fake.number_of_requests(), 0);
    assert!(shop.fake.requests().is_empty());
}
