//! The example of a host in `examples/marketplace.rs`, as a test runs it.

use fake_provider::signature;
use host_test::bundled;

#[allow(dead_code, clippy::pedantic)]
#[path = "../../examples/marketplace.rs"]
mod marketplace;

#[test]
fn example_host_verifies_deliveries() {
    let body = include_bytes!("../fixtures/payloads/bench.payment_intent.succeeded.3k.json");
    let verify = |secret: &str| {
        let signature = signature(secret, false, body, 1000);
        marketplace::verify(bundled::COMPONENT, "whsec_right", body.to_vec(), &signature, 1000)
            .unwrap()
    };
    assert!(verify("whsec_right").starts_with("genuine: payment_intent.succeeded"));
    assert!(verify("whsec_wrong").contains("signature-mismatch"));
}
