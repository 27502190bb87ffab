//! What a request may look like, and that it is carried out to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Control, code, order};
use crate::host::{Host, TEST_KEY};

/// Longer than anything here takes: a test that would wait for ever fails.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn malformed_request_is_refused_with_an_example() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let too_large = format!(r#"{{"note": "{}"}}"#, "x".repeat(64 << 10));
    for (path, body, expected) in [
        ("/payments", "", (400, "body-malformed")),
        ("/payments", "{", (400, "body-malformed")),
        ("/payments", "[]", (400, "body-malformed")),
        ("/payments", r#"{"amount": "1"}"#, (400, "body-malformed")),
        ("/payments", &order("a").replace('}', r#", "more": 1}"#), (400, "body-malformed")),
        ("/payments", &order("a").replace("10.50", "10.505"), (400, "amount-invalid")),
        ("/payments", &order("a").replace("usd", "xxx"), (400, "currency-invalid")),
        (
            "/payments",
            &order("a").replace('}', r#", "expires_in": "soon"}"#),
            (400, "body-malformed"),
        ),
        ("/repair", r#"{"more": 1}"#, (400, "body-malformed")),
        ("/uninstall", r#"{"force": "yes"}"#, (400, "body-malformed")),
        ("/approve", "{}", (400, "body-malformed")),
        ("/approve", r#"{"sha256": "00"}"#, (422, "hash-differs")),
        ("/approve", r#"{"page_origin": "https://x.example/"}"#, (422, "page-origin-malformed")),
        ("/prune", r#"{"older_than": 30}"#, (400, "body-malformed")),
        ("/attention/1/resolve", r#"{"note": " "}"#, (400, "body-malformed")),
        ("/attention/1/resolve", &too_large, (413, "body-too-large")),
        ("/attention/one/accept", "", (400, "path-malformed")),
        ("/attention/99/accept", "", (404, "attention-unknown")),
        ("/payments/%ff/cancel", "", (400, "path-malformed")),
        ("/payments/none/cancel", "", (404, "payment-unknown")),
        ("/transitions/acknowledge", r#"{"position": 99}"#, (422, "position-unknown")),
        ("/repair?more=1", "", (400, "query-malformed")),
    ] {
        let answer = control.post(&format!("/api/v1{path}"), body).await;
        assert_eq!(code(&answer), expected, "{path} {body:.100}: {answer:?}");
        assert!(!answer.1["remedy"].as_array().unwrap().is_empty(), "{answer:?}");
    }
    for query in ["limit=many", "before=-1", "more=1", "limit=1&limit=2"] {
        let answer = control.get(&format!("/api/v1/payments?{query}")).await;
        assert_eq!(code(&answer), (400, "query-malformed"), "{query}");
    }
}

#[tokio::test]
async fn reference_in_a_path_is_decoded() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let (status, _) = control.post("/api/v1/payments", &order("2026/07 é?%41")).await;
    assert_eq!(status, 200);
    let path = "/api/v1/payments/2026%2F07%20%C3%A9%3F%2541";
    for path in [path.to_owned(), format!("{path}/flow")] {
        let (status, answer) = control.get(&path).await;
        assert_eq!(status, 200, "{answer}");
        let known = answer.get("known").or(answer.get("payment")).unwrap();
        assert_eq!(known["reference"], "2026/07 é?%41");
    }
}

/// The provider answers only when the client has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_leaves_ends_no_payment_half_way() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = format!("http://{}", between.local_addr().unwrap());
    let marketplace = Arc::new(host.through(&provider).await);
    let mut changes = marketplace.changes();
    let control = Control::over(marketplace, host.data.path(), host.client.clone()).await;
    let body = order("order-1");
    let head = format!(
        "POST /api/v1/payments HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n\r\n",
        control.token,
        body.len()
    );
    let mut client = TcpStream::connect(control.url.trim_start_matches("http://")).await.unwrap();
    client.write_all([head, body].concat().as_bytes()).await.unwrap();
    let (mut asked, _) = timeout(PATIENCE, between.accept()).await.unwrap().unwrap();
    drop(client);
    let mut fake = TcpStream::connect(host.fake.address()).await.unwrap();
    tokio::spawn(async move { copy_bidirectional(&mut asked, &mut fake).await });
    timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    let stored = host.marketplace.payments(None, 1).await.unwrap().1.remove(0);
    assert!(stored.remote_id.is_some() && stored.checkout_url.is_some(), "{stored:?}");
}
