//! The public door under load: slow senders and bursts keep no genuine delivery out.

// It binds to several loopback addresses, and limits the files of a process.
#[cfg(target_os = "linux")]
mod crowd;
mod hints;
mod process;
mod refused;
mod senders;

use std::sync::Arc;
use std::time::Duration;

use fake_provider::UnsentDelivery;
use host_test::server::{Door, DoorLimits, open_files, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::host::{Host, PAYS, TEST_KEY};

/// Longer than anything here takes: a test that would wait for ever fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host with one payment that is paid, and its delivery once more, not sent.
async fn paid(door: impl Into<Door>) -> (Host, UnsentDelivery) {
    let mut host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    host.url = format!("http://{}", listener.local_addr().unwrap());
    let served =
        serve(listener, Arc::clone(&host.marketplace), door.into(), std::future::pending());
    tokio::spawn(served);
    (host, delivery)
}

async fn post(host: &Host, delivery: &UnsentDelivery) -> (u16, Value) {
    let post = host.post(&delivery.url, Some(&delivery.signature), delivery.body.clone());
    timeout(PATIENCE, post).await.unwrap()
}

fn code((status, answer): &(u16, Value)) -> (u16, &str) {
    (*status, answer["code"].as_str().unwrap_or_default())
}

async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// A connection whose head has arrived: the server has asked for the body.
async fn half_open(url: &str, body_length: usize) -> TcpStream {
    half_open_with(url, body_length, "").await
}

/// As `half_open`, with further lines in the head.
async fn half_open_with(url: &str, body_length: usize, lines: &str) -> TcpStream {
    half_open_on(connect(url).await, body_length, lines).await
}

/// As `half_open_with`, on a connection that is open.
async fn half_open_on(mut stream: TcpStream, body_length: usize, lines: &str) -> TcpStream {
    let head = format!(
        "POST /link-webhook?provider=STRIPE HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
         {lines}content-length: {body_length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// What the server still sends before it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // Closing may come as a reset, after everything was read.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

// Both ends of a connection are files of this process.
#[tokio::test]
async fn half_open_requests_turn_nobody_away() {
    let _ = open_files::raise();
    let (host, delivery) = paid(DoorLimits::default()).await;
    let mut open = Vec::new();
    for _ in 0..200 {
        open.push(half_open(&host.url, 100).await);
    }
    assert_eq!(post(&host, &delivery).await.0, 200);
}

#[tokio::test]
async fn slow_senders_of_large_bodies_hold_up_no_small_one() {
    let _ = open_files::raise();
    let (host, delivery) = paid(DoorLimits::default()).await;
    let mut senders = JoinSet::new();
    for _ in 0..100 {
        let mut stream = half_open(&host.url, 1 << 20).await;
        senders.spawn(async move {
            // The server does not take all of it.
            let _ = stream.write_all(&vec![b' '; 900 << 10]).await;
            std::future::pending::<()>().await;
        });
    }
    assert_eq!(post(&host, &delivery).await.0, 200);
}

#[tokio::test]
async fn large_body_without_a_place_is_asked_for_again() {
    let body_time = Duration::from_millis(100);
    let limits = DoorLimits { large_bodies: 0, body_time, ..DoorLimits::default() };
    let (host, delivery) = paid(limits).await;
    let large = UnsentDelivery { body: vec![b' '; 33 << 10], ..delivery };
    assert_eq!(code(&post(&host, &large).await), (503, "host-busy"));
}

#[tokio::test]
async fn delivery_whose_turn_does_not_come_is_asked_for_again() {
    let turn_time = Duration::from_millis(100);
    let (host, delivery) =
        paid(DoorLimits { deliveries: 0, turn_time, ..DoorLimits::default() }).await;
    assert_eq!(code(&post(&host, &delivery).await), (503, "host-busy"));
}

#[tokio::test]
async fn slow_head_is_ended() {
    let head_time = Duration::from_millis(100);
    let (host, _) = paid(DoorLimits { head_time, ..DoorLimits::default() }).await;
    for head in ["", "POST /link-webhook?provider=STRIPE HTTP/1.1\r\nhost:"] {
        let mut stream = connect(&host.url).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    // A connection that is idle after an answer ends too.
    let mut stream = connect(&host.url).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn slow_body_is_ended() {
    let body_time = Duration::from_millis(100);
    let (host, _) = paid(DoorLimits { body_time, ..DoorLimits::default() }).await;
    let mut stream = half_open(&host.url, 100).await;
    stream.write_all(b"{").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("body-too-slow"), "{answer}");
}

#[tokio::test]
async fn bodies_of_every_form_are_read() {
    let (host, _) = paid(DoorLimits::default()).await;
    let post = "POST /link-webhook?provider=STRIPE HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    for rest_of_request in [
        "\r\n",
        "content-length: 0\r\n\r\n",
        "content-length: 2\r\n\r\n{}",
        "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    ] {
        let mut stream = connect(&host.url).await;
        stream.write_all(format!("{post}{rest_of_request}").as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.contains("installation-unknown"), "{rest_of_request}: {answer}");
    }
}

#[tokio::test]
async fn connection_whose_body_does_not_come_gives_its_place() {
    let body_time = Duration::from_mins(10);
    let limits = DoorLimits { connections: 1, body_time, body_rate: 0, ..DoorLimits::default() };
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let (host, delivery) = paid(Door { limits, trusted_proxies }).await;
    let mut open = half_open(&host.url, 100).await;
    let mut waiting = connect(&host.url).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    assert!(rest(&mut waiting).await.ends_with("ok"));
    assert_eq!(rest(&mut open).await, "");
    assert_eq!(post(&host, &delivery).await.0, 200);
}

/// Sends the body of a half-open request and reads the head of the answer.
async fn finish(mut stream: TcpStream) -> TcpStream {
    stream.write_all(&[b' '; 100]).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn stopping_server_finishes_what_it_has_begun() {
    let (host, _) = paid(DoorLimits::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap() };
    let marketplace = Arc::clone(&host.marketplace);
    let served = tokio::spawn(serve(listener, marketplace, DoorLimits::default(), stopped));
    let idle = connect(&url).await;
    let open = half_open(&url, 100).await;
    stop.send(()).unwrap();
    finish(open).await;
    timeout(PATIENCE, served).await.unwrap().unwrap();
    drop(idle);
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_server_waits_for_nobody_for_ever() {
    let (host, _) = paid(DoorLimits::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap() };
    let limits = DoorLimits { shutdown_time: Duration::from_millis(100), ..DoorLimits::default() };
    let served = tokio::spawn(serve(listener, Arc::clone(&host.marketplace), limits, stopped));
    let mut open = half_open(&url, 100).await;
    stop.send(()).unwrap();
    timeout(PATIENCE, served).await.unwrap().unwrap();
    assert_eq!(rest(&mut open).await, "");
}
