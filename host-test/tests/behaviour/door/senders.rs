//! Senders: whose deliveries cannot be verified is kept apart, and who a sender is behind a proxy.

use std::time::Duration;

use fake_provider::UnsentDelivery;
use host_test::marketplace::UnverifiedLimits;
use host_test::server::{Door, DoorLimits};
use serde_json::Value;

use super::{code, finish, half_open_with, paid, post};
use crate::host::Host;

/// As many as are read, wait or are processed of senders in bad standing.
const LANE: usize = 20;

/// A door behind a proxy on loopback. Bodies have as long as they like.
fn behind_proxy() -> Door {
    let body_time = Duration::from_mins(10);
    let limits = DoorLimits { body_time, body_rate: 0, ..DoorLimits::default() };
    Door { limits, trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()] }
}

/// Posts as the proxy does for a sender.
async fn post_from(
    host: &Host,
    sender: &str,
    delivery: &UnsentDelivery,
    signature: &str,
) -> (u16, Value) {
    let (_, path) = delivery.url.split_once("/link-webhook").unwrap();
    let post = host.client.post(format!("{}/link-webhook{path}", host.url));
    let post = post.header("stripe-signature", signature).header("x-forwarded-for", sender);
    let answer = post.body(delivery.body.clone()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

/// Sends so many forged deliveries that the sender is in bad standing.
async fn forge(host: &Host, sender: &str, delivery: &UnsentDelivery) {
    for _ in 0..=UnverifiedLimits::default().unverified_per_sender {
        let forged = post_from(host, sender, delivery, "t=1,v1=00").await;
        assert_eq!(code(&forged), (400, "signature-mismatch"));
    }
}

/// Takes every place of the lane. The bodies do not come.
async fn fill_lane(host: &Host, sender: &str) -> Vec<tokio::net::TcpStream> {
    let mut open = Vec::new();
    for _ in 0..LANE {
        let line = format!("x-forwarded-for: {sender}\r\n");
        open.push(half_open_with(&host.url, 100, &line).await);
    }
    open
}

#[tokio::test]
async fn sender_in_bad_standing_slows_nobody_else() {
    let (host, delivery) = paid(behind_proxy()).await;
    forge(&host, "203.0.113.1", &delivery).await;
    let mut open = fill_lane(&host, "203.0.113.1").await;
    let genuine = delivery.signature.as_str();
    // It is told at once, before its body is read.
    let away = post_from(&host, "203.0.113.1", &delivery, genuine).await;
    assert_eq!(code(&away), (503, "sender-unverified"));
    for other in ["203.0.113.2", "2001:db8::1"] {
        assert_eq!(post_from(&host, other, &delivery, genuine).await.0, 200);
    }
    // The lane goes on when it has a place again.
    finish(open.remove(0)).await;
    assert_eq!(post_from(&host, "203.0.113.1", &delivery, genuine).await.0, 200);
}

#[tokio::test]
async fn verified_deliveries_mend_the_standing() {
    let (host, delivery) = paid(behind_proxy()).await;
    forge(&host, "203.0.113.1", &delivery).await;
    // A proxy that nobody has named: its genuine deliveries get through, and mend its standing.
    for _ in 0..2 {
        assert_eq!(post_from(&host, "203.0.113.1", &delivery, &delivery.signature).await.0, 200);
    }
    // It is in good standing again, so what it leaves open takes no place of the lane.
    let _open = fill_lane(&host, "203.0.113.1").await;
    assert_eq!(post_from(&host, "203.0.113.1", &delivery, &delivery.signature).await.0, 200);
}

#[tokio::test]
async fn forged_header_makes_no_other_sender() {
    // The peer is no proxy, whatever it says.
    let (host, delivery) = paid(Door { trusted_proxies: Vec::new(), ..behind_proxy() }).await;
    forge(&host, "203.0.113.1", &delivery).await;
    let _open = fill_lane(&host, "203.0.113.2").await;
    let away = post_from(&host, "203.0.113.3", &delivery, &delivery.signature).await;
    assert_eq!(code(&away), (503, "sender-unverified"));
    // Behind the proxy only what it has added itself counts.
    let (host, delivery) = paid(behind_proxy()).await;
    forge(&host, "198.51.100.7, 203.0.113.1", &delivery).await;
    let _open = fill_lane(&host, "198.51.100.8, 203.0.113.1").await;
    let genuine = delivery.signature.as_str();
    let away = post_from(&host, "198.51.100.9, 203.0.113.1", &delivery, genuine).await;
    assert_eq!(code(&away), (503, "sender-unverified"));
    assert_eq!(post_from(&host, "198.51.100.7", &delivery, genuine).await.0, 200);
}

#[tokio::test]
async fn only_installations_of_the_ledger_are_known() {
    let (host, delivery) = paid(DoorLimits::default()).await;
    let (_, id) = delivery.url.split_once("installation=").unwrap();
    let random = "6f1c1d3e-2b7a-4a52-9d43-0d6f4a0f7a11";
    let stranger = UnsentDelivery { url: delivery.url.replace(id, random), ..delivery.clone() };
    for delivery in [&delivery, &stranger] {
        assert_eq!(post(&host, delivery).await.0, 200);
    }
    assert!(host.marketplace.knows_installation(id));
    assert!(!host.marketplace.knows_installation(random));
}
