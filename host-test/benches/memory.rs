//! The peak memory of a real `serve` while a plugin and strangers take all they can get at once: answers of 4 MiB, 128
//! at a time; instances of 60 MiB; loops; a list of events without end; large bodies that come slowly; idle connections.
//!
//! `cargo bench -p host-test --bench memory -- SECONDS` fails if it is more than 512 MiB, or if a healthy delivery is
//! not taken.

// A benchmark that panics has failed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use host_test::egress::client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use support::{Bench, OWN, component, peak_memory, provider};

/// The bound, in MiB.
const BOUND: u64 = 512;
const DEEDS: [&str; 4] = ["send-all", "hog", "spin", "wait"];

/// Sends large bodies and does not end them, again and again.
fn slow_senders(url: &str, number: usize, open: &mut JoinSet<()>) {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_at(rest.find('/').unwrap());
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n");
    for _ in 0..number {
        let (address, head) = (address.to_owned(), head.clone());
        open.spawn(async move {
            loop {
                if let Ok(mut stream) = TcpStream::connect(&address).await {
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(&vec![b'x'; 900 << 10]).await;
                    let _ = stream.read(&mut [0; 64]).await;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
}

/// Connections on which nothing is sent.
fn idle(url: &str, number: usize, open: &mut JoinSet<()>) {
    let rest = url.strip_prefix("http://").unwrap();
    let address = rest.split('/').next().unwrap();
    for _ in 0..number {
        let address = address.to_owned();
        open.spawn(async move {
            loop {
                if let Ok(mut stream) = TcpStream::connect(&address).await {
                    let _ = stream.read(&mut [0; 64]).await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }
}

#[tokio::main]
async fn main() {
    // cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let seconds = arguments.first().map_or(5, |seconds| seconds.parse().unwrap());
    let _ = host_test::server::open_files::raise();
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        host: OWN.into(),
        data: folder.path().join("data"),
        component: component(folder.path(), "events=endless\n"),
        provider: provider().await,
    };
    let mut queries = Vec::new();
    for workspace in ["greedy-1", "greedy-2", "greedy-3", "greedy-4", "healthy"] {
        queries.push(bench.install(workspace).await);
        // Without a payment there is nothing to list.
        let pay = ["pay", "--amount", "10", "--currency", "usd", "--reference", "order-1"];
        bench.command(&pay).args(["--workspace", workspace]).output().await.unwrap();
    }
    let (process, url) = bench.serve().await;
    let urls: Vec<String> = queries.iter().map(|query| format!("{url}{query}")).collect();
    println!("Peak memory of `serve`, idle: {} MiB", peak_memory(&process).unwrap_or(0));

    let mut open = JoinSet::new();
    let client = client().unwrap();
    for (number, url) in urls.iter().take(4).cloned().enumerate() {
        for call in 0..100 {
            let (client, url) = (client.clone(), url.clone());
            open.spawn(async move {
                loop {
                    let deed = DEEDS[(number + call) % DEEDS.len()];
                    let body =
                        format!("attack do={deed}.{call}.{}", "x".repeat(1 << (10 * (call % 3))));
                    let _ = client.post(&url).body(body).send().await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
    }
    // Another sender than the crowd, which gets half of the connections.
    let healthy = reqwest::Client::builder().no_proxy().local_address(IpAddr::from([127, 0, 0, 2]));
    let healthy = healthy.build().unwrap();
    slow_senders(&urls[0], 300, &mut open);
    idle(&url, 500, &mut open);
    let mut taken = (0, 0);
    for number in 0..seconds * 5 {
        let post = healthy.post(&urls[4]).body(format!("healthy-{number}.attempt")).send();
        let status = post.await.map(|answer| answer.status().as_u16());
        taken = (taken.0 + usize::from(matches!(status, Ok(200))), taken.1 + 1);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let peak = peak_memory(&process).unwrap_or(0);
    println!("Peak memory of `serve`, under all of it: {peak} MiB (at most {BOUND})");
    println!("Healthy deliveries taken: {} of {}", taken.0, taken.1);
    assert!(peak <= BOUND && taken.0 == taken.1, "a bound was exceeded");
}
