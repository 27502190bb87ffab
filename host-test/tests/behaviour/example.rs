//! The example of a host in `examples/marketplace.rs`, as a test runs it.

use fake_provider::signature;
use host_test::bundled;

#[allow(dead_code, clippy::pedantic)]
#[path = "../../examples/marketplace.rs"]
mod marketplace;

use marketplace::brain_studio::payments::types::WebhookRequest;

#[test]
fn example_host_verifies_deliveries() {
    let body = include_bytes!("../fixtures/payloads/bench.payment_intent.succeeded.3k.json");
    let verify = |secret: &str| {
        let signature = signature(secret, false, body, 1000);
        let headers = vec![("stripe-signature".to_owned(), signature)];
        let request = WebhookRequest { headers, query: String::new(), body: body.to_vec() };
        marketplace::verify(bundled::COMPONENT, "whsec_right", &request, 1000).unwrap()
    };
    assert!(verify("whsec_right").starts_with("genuine: payment_intent.succeeded"));
    assert!(verify("whsec_wrong").contains("signature-mismatch"));
}
