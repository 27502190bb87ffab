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
        (
            "/approve",
            r#"{"page_origin": "https://x.example", "ports": [1]}"#,
            (400, "body-malformed"),
        ),
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

/// The provider answers only when the client has left: the ledger learns all the same that the payment is canceled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_leaves_ends_no_request_half_way() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.ask("order-1").await;
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = format!("http://{}", between.local_addr().unwrap());
    let marketplace = Arc::new(host.through(&provider).await);
    let mut changes = marketplace.changes();
    let control = Control::over(marketplace, host.data.path(), host.client.clone()).await;
    let request = format!(
        "POST /api/v1/payments/order-1/cancel HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\n\r\n",
        control.token
    );
    let mut client = TcpStream::connect(control.url.trim_start_matches("http://")).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut asked, _) = timeout(PATIENCE, between.accept()).await.unwrap().unwrap();
    drop(client);
    let fake = host.fake.address();
    tokio::spawn(async move {
        loop {
            let mut answers = TcpStream::connect(fake).await.unwrap();
            let forward = async move { copy_bidirectional(&mut asked, &mut answers).await };
            tokio::spawn(forward);
            (asked, _) = between.accept().await.unwrap();
        }
    });
    timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    assert_eq!(host.outputs("order-1").await, ["Pending", "Rejected"]);
}
