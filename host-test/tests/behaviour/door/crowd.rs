//! A crowd of idle connections shuts no door, not even in a process with few files.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use host_test::server::{DoorLimits, open_files};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::process::burst;
use super::{connect, half_open_on, paid, post, rest};
use crate::command_line::listening;
use crate::host::Host;

const HALF_A_HEAD: &[u8] = b"POST /link-webhook?provider=STRIPE HTTP/1.1\r\nhost: x\r\n";

/// A connection from another loopback address.
async fn connect_from(sender: u8, url: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, sender], 0))).unwrap();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(address).await.unwrap()
}

/// A server that may have so many files open.
fn with_files(host: &Host, files: usize) -> Command {
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_host-test")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"]);
    command.arg(host.data.path()).env_remove("STRIPE_API_KEY");
    command
}

/// Opens 1,000 idle and 300 half-sent connections, while genuine deliveries are posted.
async fn crowd(files: usize) {
    assert!(open_files::raise().is_none_or(|files| files > 1500), "this test needs files");
    let host = Host::start().await;
    let mut genuine = burst(&host, 14).await.into_iter();
    let (_process, url) = listening(&host, with_files(&host, files), Stdio::null()).await;
    let mut crowd = Vec::new();
    for number in 0..1300 {
        // All of them from five senders, one of which sends genuine deliveries as well.
        let mut stream = connect_from(1 + u8::try_from(number % 5).unwrap(), &url).await;
        if number < 300 {
            stream.write_all(HALF_A_HEAD).await.unwrap();
        }
        crowd.push(stream);
        if number % 100 == 99 {
            let mut stream = connect(&url).await;
            stream.write_all(&genuine.next().unwrap()).await.unwrap();
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{number}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowd_keeps_no_genuine_delivery_out() {
    crowd(4096).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowd_shuts_no_door_with_few_files() {
    crowd(256).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sender_cannot_fill_the_door() {
    let host = Host::start().await;
    let genuine = burst(&host, 1).await.remove(0);
    let (_process, url) = listening(&host, with_files(&host, 64), Stdio::null()).await;
    // None of them is idle: their bodies are awaited.
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = connect_from(2, &url).await;
        let _ = stream.write_all(HALF_A_HEAD).await;
        let _ = stream.write_all(b"content-length: 100\r\n\r\n").await;
        open.push(stream);
    }
    let mut stream = connect(&url).await;
    stream.write_all(&genuine).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn slow_bodies_cannot_fill_the_door() {
    // They bring enough to go on as long as they like.
    let body_time = Duration::from_mins(10);
    let limits = DoorLimits { connections: 8, body_time, body_rate: 0, ..DoorLimits::default() };
    let (host, delivery) = paid(limits).await;
    let mut open = Vec::new();
    for sender in [2, 3, 2, 3, 2, 3, 2, 3] {
        let stream = connect_from(sender, &host.url).await;
        open.push(half_open_on(stream, 100, "").await);
    }
    assert_eq!(post(&host, &delivery).await.0, 200);
}
