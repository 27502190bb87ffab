//! What one installation that spins and one whose provider is silent do to a hundred healthy ones: the time of a healthy
//! delivery, alone and beside them, in one run of a real `serve`. It fails if a healthy delivery is not taken.
//!
//! `cargo bench -p host-test --bench fairness -- SECONDS [HOST_TEST]` measures for so many seconds each. With the path
//! of another `host-test`, it measures that one: a build of before, for a comparison.

// A benchmark that panics has failed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::time::{Duration, Instant};

use host_test::egress::client;
use tokio::task::JoinSet;

use support::{Bench, OWN, component, peak_memory, provider};

const HEALTHY: usize = 100;
/// How many calls each of the two greedy ones has under way all the time.
const GREEDY_CALLS: usize = 64;

/// Posts for some seconds, once a second for each healthy installation. Returns the times, and how many posts were not
/// answered with 200.
async fn healthy(urls: &[String], seconds: u64, phase: &str) -> (Vec<Duration>, usize) {
    let client = client().unwrap();
    let mut posts = JoinSet::new();
    let begun = tokio::time::Instant::now();
    for (number, url) in urls.iter().cloned().enumerate() {
        let (client, phase) = (client.clone(), phase.to_owned());
        posts.spawn(async move {
            let mut times = Vec::new();
            for second in 0..seconds {
                let at = Duration::from_millis(1000 * second + 10 * number as u64);
                tokio::time::sleep_until(begun + at).await;
                let body = format!("{phase}-{number}-{second}.attempt");
                let begun = Instant::now();
                let status = client.post(&url).body(body).send().await.map(|got| got.status());
                times.push((begun.elapsed(), status.is_ok_and(|status| status == 200)));
            }
            times
        });
    }
    let times = posts.join_all().await.concat();
    let refused = times.iter().filter(|(_, is_taken)| !is_taken).count();
    let mut times: Vec<Duration> = times.into_iter().map(|(time, _)| time).collect();
    times.sort_unstable();
    (times, refused)
}

/// Keeps calls of a deed under way.
fn greedy(url: &str, deed: &'static str, calls: &mut JoinSet<()>) {
    let client = client().unwrap();
    for number in 0..GREEDY_CALLS {
        let (client, url) = (client.clone(), url.to_owned());
        calls.spawn(async move {
            loop {
                let body = format!("attack do={deed}.{number}");
                let answered = client.post(&url).body(body).send().await;
                // One that is told to come again does not do so at once.
                if answered.is_ok_and(|answer| answer.status() == 503) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
}

fn row(name: &str, (times, refused): &(Vec<Duration>, usize)) {
    let at = |percent: usize| {
        let time = times[(times.len() * percent / 100).min(times.len() - 1)];
        time.as_secs_f64() * 1000.0
    };
    let number = times.len();
    println!("| {name} | {:.1} | {:.1} | {:.1} | {refused} of {number} |", at(50), at(99), at(100));
}

#[tokio::main]
async fn main() {
    // cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let seconds = arguments.first().map_or(5, |seconds| seconds.parse().unwrap());
    let host = arguments.get(1).map_or(OWN, String::as_str);
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        host: host.into(),
        data: folder.path().join("data"),
        component: component(folder.path(), ""),
        provider: provider().await,
    };
    let mut queries = Vec::new();
    for number in 0..HEALTHY + 2 {
        queries.push(bench.install(&format!("workspace-{number}")).await);
    }
    let (process, url) = bench.serve().await;
    let mut urls: Vec<String> = queries.iter().map(|query| format!("{url}{query}")).collect();
    let (silent, spinning) = (urls.pop().unwrap(), urls.pop().unwrap());

    healthy(&urls, 1, "warm-up").await;
    let alone = healthy(&urls, seconds, "alone").await;
    let mut calls = JoinSet::new();
    greedy(&spinning, "spin", &mut calls);
    greedy(&silent, "wait", &mut calls);
    // They have taken what they can get.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let beside = healthy(&urls, seconds, "beside").await;
    println!("| a healthy delivery | p50, ms | p99, ms | longest, ms | not taken |");
    println!("| --- | --- | --- | --- | --- |");
    row("alone", &alone);
    row("beside one that spins and one that waits", &beside);
    if let Some(peak) = peak_memory(&process) {
        println!("Peak memory of `serve`: {peak} MiB");
    }
    // Another build is only measured.
    assert!(host != OWN || beside.1 == 0, "healthy deliveries were not taken");
}
