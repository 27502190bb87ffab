//! On the real ledger and the real component: whatever becomes of deliveries, a reconciliation ends
//! in Stripe's state.

use host_test::contract::types::PaymentStatus;

use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY};

const ASKS: &str = "4000 0025 0000 3155";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disordered_deliveries_converge() {
    let mut found = 0;
    for seed in 0..16 {
        let host = Host::start().await;
        host.install(TEST_KEY).await.unwrap();
        host.fake.set_delivery_disorder(Some(seed));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pages = Vec::new();
        for payment in 0..5 {
            pages.push(host.ask(&format!("order-{payment}")).await);
        }
        for _ in 0..20 {
            let page = random.choice(&pages).unwrap();
            match random.u8(..7) {
                0 | 1 => host.pay(page, IS_DECLINED).await,
                2 => host.pay(page, ASKS).await,
                3 | 4 => {
                    let outcome = if random.bool() { "succeed" } else { "fail" };
                    let form = format!("outcome={outcome}");
                    let url = format!("{page}/authenticate");
                    let request = host
                        .client
                        .post(url)
                        .header("content-type", "application/x-www-form-urlencoded");
                    request.body(form).send().await.unwrap();
                }
                5 => host.pay(page, PAYS).await,
                _ => {
                    let session = page.rsplit('/').next().unwrap();
                    let path = format!("/v1/checkout/sessions/{session}/expire");
                    host.tell_stripe(TEST_KEY, &path, "").await;
                }
            }
        }
        let intents = host.ask_stripe(TEST_KEY, "/v1/payment_intents?limit=100").await;
        for intent in intents["data"].as_array().unwrap() {
            if intent["status"] == "succeeded" && random.bool() {
                let form = format!("payment_intent={}&amount=7", intent["id"].as_str().unwrap());
                host.tell_stripe(TEST_KEY, "/v1/refunds", &form).await;
            }
        }
        host.fake.delivered().await;
        host.fake.set_delivery_disorder(None);
        found += host.marketplace.reconcile(|_| ()).await.unwrap().new;
        for payment in 0..5 {
            let reference = format!("order-{payment}");
            let known = host.marketplace.payment_history(&reference).await.unwrap().1.payment;
            let truth = host.marketplace.payment(&reference).await.unwrap().provider.unwrap();
            let what = format!("seed {seed}, {reference}");
            assert!(!known.needs_refetch, "{what}");
            assert_eq!(known.status, truth.status.into(), "{what}");
            assert_eq!(known.refunded.unwrap_or(0), truth.refunded.unwrap_or(0), "{what}");
            let outputs = host.outputs(&reference).await;
            let approvals = outputs.iter().filter(|output| *output == "Approved").count();
            assert_eq!(approvals, usize::from(truth.status == PaymentStatus::Approved), "{what}");
        }
    }
    // Deliveries were lost, and found.
    assert!(found > 16, "{found}");
}
