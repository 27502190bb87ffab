//! Deliveries that nobody can verify: strangers cannot use up what a merchant's own provider needs.

use host_test::marketplace::InstallOptions;
use host_test::server::{Door, DoorLimits};
use serde_json::Value;

use super::code;
use crate::host::{Host, PAYS, TEST_KEY, options};

/// Posts to the shared URL, as a proxy does for a sender.
async fn hint(host: &Host, url: &str, sender: &str, body: &str) -> (u16, Value) {
    let post = host.client.post(format!("{url}/link-webhook?provider=STRIPE"));
    let post = post.header("x-forwarded-for", sender).body(body.to_owned());
    let answer = post.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn unsigned_hints_leave_the_quota_of_genuine_ones() {
    let mut host = Host::start().await;
    // There is no signing secret: every delivery is a hint.
    let options = InstallOptions { webhook_is_manual: Some(true), ..options(TEST_KEY) };
    host.marketplace.install(options).await.unwrap();
    let webhook = "url=https://x.example.com&enabled_events[]=*";
    host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", webhook).await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let genuine = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let genuine = String::from_utf8(genuine.body).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let door = Door { limits: DoorLimits::default(), trusted_proxies };
    let marketplace = std::sync::Arc::clone(&host.marketplace);
    tokio::spawn(host_test::server::serve(listener, marketplace, door, std::future::pending()));
    host.url.clone_from(&url);

    // The payment has changed. Its sender is no stranger from now on.
    let (status, answer) = hint(&host, &url, "198.51.100.1", &genuine).await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")), "{answer}");
    // A customer who repeats it stays one: nothing has changed.
    let (status, answer) = hint(&host, &url, "203.0.113.1", &genuine).await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")), "{answer}");
    let payment: Value = serde_json::from_str(&genuine).unwrap();
    let forged = genuine.replace(payment["data"]["object"]["id"].as_str().unwrap(), "pi_forged");
    let (mut asked, mut refused) = (0, 0);
    for stranger in 1..=6 {
        for _ in 0..25 {
            let answer = hint(&host, &url, &format!("203.0.113.{stranger}"), &forged).await;
            match code(&answer) {
                (200, "payment-foreign") => asked += 1,
                (503, "too-many-hints") => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    // Two thirds of 60, two of which were the first ones.
    assert_eq!((asked, refused), (38, 112));
    let (status, answer) = hint(&host, &url, "198.51.100.1", &genuine).await;
    assert_eq!((status, answer["verdict"].as_str()), (200, Some("accepted")), "{answer}");
}
