//! Each delivery has one instance of its own, at either URL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_test::contract::types::WebhookRequest;
use host_test::marketplace::{DeliveryOutcome, DeliveryTarget, Marketplace, Options};
use host_test::sender::Sender;

use super::host::{Host, PAYS, TEST_KEY, now, plugin};

#[tokio::test]
async fn delivery_has_one_instance() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let number = Arc::new(AtomicU64::new(0));
    let stripe = format!("https://api.stripe.com=http://{}", host.fake.address());
    let options =
        Options { overrides: vec![stripe.parse().unwrap()], ..Options::new(host.data.path()) };
    let plugin = plugin().await.counting_instances(&number);
    let marketplace = Marketplace::open(plugin, &options).unwrap();
    let (_, own) = delivery.url.split_once('?').unwrap();
    assert!(own.contains("installation="), "{own}");
    let shared = "provider=STRIPE";
    let nobodys = br#"{"object":"event","data":{"object":{"id":"pi_unknown"}}}"#.to_vec();
    for (query, body) in [(own, &delivery.body), (shared, &delivery.body), (shared, &nobodys)] {
        for _ in 0..2 {
            let request = WebhookRequest {
                headers: vec![("stripe-signature".to_owned(), delivery.signature.clone())],
                query: query.to_owned(),
                body: body.clone(),
            };
            let target = DeliveryTarget::parse(query);
            let outcome = marketplace.deliver(now(), &target, Sender::default(), request).await;
            if *body == nobodys {
                assert!(matches!(outcome, DeliveryOutcome::Ignored(_)), "{query}");
            } else {
                assert_eq!(outcome, DeliveryOutcome::Duplicate, "{query}");
            }
            assert_eq!(number.swap(0, Ordering::Relaxed), 1, "{query}");
        }
    }
}
