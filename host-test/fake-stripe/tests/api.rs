//! What a caller of the API sees. More of it is in `clients/`, driven by Stripe's own packages.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use serde_json::Value;
use shop::Shop;

const README: &str = include_str!("../README.md");

/// The rows of the README's table of cards: number, PaymentMethods, and what happens.
fn cards() -> Vec<(String, Vec<String>, String)> {
    let (_, section) = README.split_once("\n## Cards\n").unwrap();
    let (section, _) = section.split_once("\nThe last three").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let methods = cells[1].split(", ").map(|name| name.trim_matches('`').to_owned());
        (cells[0].to_owned(), methods.collect(), cells[2].to_owned())
    })
    .collect()
}

/// Says what has happened to a PaymentIntent, in the README's words.
fn what_happened(intent: &Value) -> String {
    let charge = &intent["latest_charge"];
    match intent["status"].as_str().unwrap() {
        "succeeded" if charge["disputed"] == true => "pays, and is disputed at once".to_owned(),
        "succeeded" => "pays".to_owned(),
        "requires_action" => "asks for authentication".to_owned(),
        "requires_payment_method" => {
            let reason = intent["last_payment_error"]["decline_code"].as_str().unwrap();
            assert_eq!(charge["outcome"]["reason"], reason);
            format!("declined: `{reason}`")
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_card_of_the_readme_does_what_it_says_on_a_page_and_in_the_api() {
    let shop = Shop::open().await;
    let cards = cards();
    assert_eq!(cards.len(), 13);
    for (number, methods, expected) in cards {
        let on_page = shop.pay(&shop.page("usd", &[]).await, &number).await;
        assert_eq!(what_happened(&on_page), expected, "{number}");
        for method in methods {
            let payment = [
                ("amount", "1055"),
                ("currency", "usd"),
                ("payment_method", &method),
                ("confirm", "true"),
            ];
            let answer = shop.ask("/v1/payment_intents", &payment).await;
            let error = &answer["error"];
            let intent = if error.is_null() { &answer } else { &error["payment_intent"] };
            let path = format!("/v1/payment_intents/{}", intent["id"].as_str().unwrap());
            let read = shop.ask(&format!("{path}?expand[]=latest_charge"), &[]).await;
            assert_eq!(what_happened(&read), expected, "{method}");
            assert_eq!(error.is_null(), !expected.starts_with("declined"), "{method}");
        }
    }
}

#[tokio::test]
async fn only_what_stripe_can_expand_is_expanded() {
    let shop = Shop::open().await;
    let intent = shop.pay(&shop.page("usd", &[]).await, "4242 4242 4242 4242").await;
    let id = intent["id"].as_str().unwrap();
    for (path, expected) in [
        ("latest_charge", "/latest_charge/object"),
        ("latest_charge.payment_intent", "/latest_charge/payment_intent/object"),
        ("latest_charge.refunds", "/latest_charge/refunds/object"),
        ("payment_method", "/payment_method/object"),
        // The fake knows no customers: there is nothing to expand.
        ("customer", "/id"),
        ("amount", "/error/message"),
        ("no_such_field", "/error/message"),
        ("refunds", "/error/message"),
        ("latest_charge.payment_intent.latest_charge.payment_intent", "/latest_charge/object"),
        ("latest_charge.a.b.c.d", "/error/message"),
    ] {
        let answer = shop.ask(&format!("/v1/payment_intents/{id}?expand[]={path}"), &[]).await;
        assert!(answer.pointer(expected).is_some_and(Value::is_string), "{path}: {answer:#}");
    }
}

#[tokio::test]
async fn wrong_expansion_is_refused_before_anything_is_made() {
    let shop = Shop::open().await;
    let made =
        async || shop.ask("/v1/payment_intents", &[]).await["data"].as_array().unwrap().len();
    let create = async |path| {
        let params = [("amount", "1000"), ("currency", "usd"), ("expand[]", path)];
        shop.ask("/v1/payment_intents", &params).await
    };
    for path in
        ["amount", "refunds", "latest_charge.payment_intent.amount", "latest_charge.a.b.c.d"]
    {
        assert!(create(path).await["error"]["message"].is_string(), "{path}");
    }
    assert_eq!(made().await, 0);
    for path in ["customer.sources", "latest_charge.refunds.data.charge", "payment_method"] {
        assert_eq!(create(path).await["object"], "payment_intent", "{path}");
    }
    assert_eq!(made().await, 3);
    let intent = shop.pay(&shop.page("usd", &[]).await, "4242 4242 4242 4242").await;
    let id = intent["id"].as_str().unwrap();
    let refund = async |path| {
        shop.ask("/v1/refunds", &[("payment_intent", id), ("amount", "5"), ("expand[]", path)])
            .await
    };
    assert!(refund("status").await["error"].is_object());
    assert_eq!(refund("charge.refunds").await["charge"]["refunds"]["data"][0]["amount"], 5);
    assert_eq!(shop.ask("/v1/refunds", &[]).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn error_names_the_parameter_and_the_request() {
    let shop = Shop::open().await;
    for (params, param) in [
        ([("amount", "10"), ("currency", "usd")], "amount"),
        ([("amount", "1000"), ("currency", "dollars")], "currency"),
        ([("amount", "1000"), ("colour", "red")], "currency"),
    ] {
        let answer = shop.ask_as("sk_test_51Shop", "/v1/payment_intents", &params).await;
        assert_eq!(answer.status(), 400);
        let request = answer.headers()["request-id"].to_str().unwrap().to_owned();
        let error = shop::body_of(answer).await["error"].clone();
        assert_eq!(error["param"], param);
        assert!(error["request_log_url"].as_str().unwrap().ends_with(&request), "{error}");
    }
}
