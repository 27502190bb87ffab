//! The binary as a server: a burst, and a process without files.

use std::process::Stdio;
use std::time::Duration;

use fake_provider::signature;
use host_test::marketplace::InstallOptions;
use host_test::server::open_files;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::ChildStderr;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{PATIENCE, connect, rest};
use crate::command_line::serving;
use crate::host::{Host, PAYS, TEST_KEY, now, options_with_secret};

/// Genuine deliveries, each of an event of its own.
pub async fn burst(host: &Host, number: usize) -> Vec<Vec<u8>> {
    let secret = "whsec_madeByHand";
    let options =
        InstallOptions { webhook_is_manual: Some(true), ..options_with_secret(TEST_KEY, secret) };
    let url = host.marketplace.install(options).await.unwrap().installation_url;
    let (_, path) = url.split_once("/link-webhook").unwrap();
    let webhook = "url=https://x.example.com&enabled_events[]=*";
    host.tell_stripe(TEST_KEY, "/v1/webhook_endpoints", webhook).await;
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let sample = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let text = String::from_utf8(sample.body).unwrap();
    let requests = (0..number).map(|number| {
        let body = text.replace(&sample.event, &format!("evt_{number}"));
        let signature = signature(secret, false, body.as_bytes(), now());
        let head = format!(
            "POST /link-webhook{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             stripe-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head, body].concat().into_bytes()
    });
    requests.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn burst_is_answered() {
    // A thousand, if this process may have so many connections.
    let number = open_files::raise().map_or(1000, |files| files / 2).min(1000);
    let host = Host::start().await;
    let requests = burst(&host, number).await;
    let (_process, url) = serving(&host, Stdio::null()).await;
    let mut senders = JoinSet::new();
    for request in requests {
        let url = url.clone();
        senders.spawn(async move {
            let mut stream = connect(&url).await;
            stream.write_all(&request).await.unwrap();
            rest(&mut stream).await
        });
    }
    // Ten seconds are the promise.
    let answers = timeout(Duration::from_secs(10), senders.join_all()).await.unwrap();
    let refused: Vec<_> = answers.iter().filter(|a| !a.starts_with("HTTP/1.1 200")).collect();
    assert!(refused.is_empty(), "{} of {}: {refused:?}", refused.len(), answers.len());
    assert!(answers.iter().all(|answer| answer.contains("accepted")), "{:?}", answers.first());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_open_files_end_no_server() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let host = Host::start().await;
    let (mut process, url) = serving(&host, Stdio::piped()).await;
    let id = process.id().unwrap();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    let limit = Rlimit { current: Some(open as u64 + 2), maximum: Some(open as u64 + 2) };
    prlimit(Pid::from_raw(id.try_into().unwrap()), Resource::Nofile, limit).unwrap();
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(connect(&url).await);
    }
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut log = Log { lines, seen: Vec::new() };
    let (_, line) = log.next("a connection could not be accepted").await;
    assert!(line.contains(r#""level":"WARN""#), "{line}");
    drop(connections);
    let mut stream = connect(&url).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("ok"));
}

/// The log of a process, and the lines that nobody has asked for yet.
struct Log {
    lines: tokio::io::Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

impl Log {
    /// The next line with this message.
    async fn next(&mut self, message: &str) -> (Value, String) {
        let fields_of = |line: &str| -> Value {
            let line: Value = serde_json::from_str(line).unwrap();
            line["fields"].clone()
        };
        let is_wanted =
            |line: &String| fields_of(line)["message"].as_str().unwrap().starts_with(message);
        loop {
            if let Some(index) = self.seen.iter().position(is_wanted) {
                let line = self.seen.remove(index);
                return (fields_of(&line), line);
            }
            let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap();
            // The log has not ended.
            self.seen.push(line.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_names_deliveries_rounds_and_what_needs_a_person() {
    let host = Host::start().await;
    let installation = host.install(TEST_KEY).await.unwrap().installation;
    let page = host.ask("order-1").await;
    host.pay(&page, "short").await;
    let (mut process, url) = serving(&host, Stdio::piped()).await;
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut log = Log { lines, seen: Vec::new() };
    let (round, _) = log.next("reconciled").await;
    assert_eq!(
        (&round["installation"], &round["listed"]),
        (&installation.clone().into(), &1.into())
    );
    let (needed, _) = log.next("a person is needed").await;
    assert_eq!(
        (&needed["code"], &needed["reference"]),
        (&"amount-differs".into(), &"order-1".into())
    );

    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let (_, path) = delivery.url.split_once("/link-webhook").unwrap();
    let post = async |signature: &str| {
        let post = host.client.post(format!("{url}/link-webhook{path}"));
        let post = post.header("stripe-signature", signature).body(delivery.body.clone());
        post.send().await.unwrap();
    };
    post(&delivery.signature).await;
    let (line, text) = log.next("delivery").await;
    assert_eq!((&line["outcome"], &line["code"]), (&"duplicate".into(), &Value::Null), "{line}");
    assert_eq!(
        (&line["installation"], &line["event"]),
        (&installation.clone().into(), &delivery.event.clone().into())
    );
    assert!(line["microseconds"].is_u64() && line["plugin_microseconds"].is_u64());
    assert!(!text.contains(TEST_KEY) && !text.contains("whsec_"), "{text}");
    // Anybody can send refused ones: they have a line now and then.
    post("t=1,v1=00").await;
    let (line, text) = log.next("a delivery that is not verified was refused").await;
    assert_eq!(
        (&line["security"], &line["whose"]),
        (&"signature-refused".into(), &installation.into())
    );
    assert!(text.contains("signature-mismatch") && !text.contains("whsec_"), "{text}");

    let alive = host.client.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_that_nobody_reads_stops_nothing() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let (mut process, url) = serving(&host, Stdio::piped()).await;
    let _log_of_nobody = process.stderr.take().unwrap();
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let (_, path) = delivery.url.split_once("/link-webhook").unwrap();
    // Each has a line of some 400 bytes, and a pipe holds 64 KiB.
    for _ in 0..400 {
        let post = host.client.post(format!("{url}/link-webhook{path}"));
        let post = post.header("stripe-signature", &delivery.signature).body(delivery.body.clone());
        let answer = timeout(PATIENCE, post.send()).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
    }
}
