//! Many calls in one `serve` that may open 256 files: memory, open files and threads must not grow.
//!
//! `cargo bench -p host-test --bench endurance -- CALLS` samples the process after a tenth of the calls and at the end. It
//! needs `/proc` and a POSIX shell.

// A benchmark that panics has failed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use host_test::egress::client;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use support::{Bench, OWN, WITHOUT_QUOTAS, component, provider, status_of};

/// How many calls are under way at the same time.
const AT_ONCE: usize = 16;
/// How much more memory there may be at the end, in MiB: the allocator keeps a little, here and there.
const GROWTH: u64 = 16;

/// What a process holds.
#[derive(Debug)]
struct Sample {
    memory: u64,
    files: usize,
    threads: u64,
}

fn sample(process: &Child) -> Sample {
    let id = process.id().unwrap();
    let number = |field| status_of(process, field).unwrap();
    let files = std::fs::read_dir(Path::new("/proc").join(id.to_string()).join("fd")).unwrap();
    Sample { memory: number("VmRSS:") / 1024, files: files.count(), threads: number("Threads:") }
}

/// Makes calls until so many were made in all. Each is a delivery that the plugin only reads.
async fn call(url: &str, made: &Arc<AtomicUsize>, until: usize) {
    let client = client().unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, url, made) = (client.clone(), url.to_owned(), Arc::clone(made));
        callers.spawn(async move {
            while made.fetch_add(1, Ordering::Relaxed) < until {
                let answer = client.post(&url).body("do=nothing").send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().await.unwrap();
            }
        });
    }
    callers.join_all().await;
    made.store(until, Ordering::Relaxed);
}

#[tokio::main]
async fn main() {
    // cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let calls: usize = arguments.first().map_or(2000, |calls| calls.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        host: OWN.into(),
        data: folder.path().join("data"),
        component: component(folder.path(), ""),
        provider: provider().await,
    };
    let query = bench.install("default").await;
    let mut serve = bench.command(&["serve", "--listen", "127.0.0.1:0"]);
    serve.args(WITHOUT_QUOTAS);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 256; exec \"$@\"", "sh"]).kill_on_drop(true);
    limited.arg(serve.as_std().get_program()).args(serve.as_std().get_args());
    let (process, url) = Bench::started(limited).await;
    let url = format!("{url}{query}");

    let (begun, made) = (Instant::now(), Arc::default());
    call(&url, &made, calls / 10).await;
    let early = sample(&process);
    call(&url, &made, calls).await;
    let late = sample(&process);
    let per_second = calls as u128 * 1000 / begun.elapsed().as_millis().max(1);
    println!("{calls} calls, {per_second} a second");
    println!("| after | memory, MiB | open files | threads |");
    println!("| --- | --- | --- | --- |");
    for (number, sample) in [(calls / 10, &early), (calls, &late)] {
        println!("| {number} calls | {} | {} | {} |", sample.memory, sample.files, sample.threads);
    }
    assert!(late.memory <= early.memory + GROWTH, "the memory has grown");
    // A call may still find a thread more than all calls before, but there are no more threads than calls at once.
    // The door still holds the connections that the client has not closed yet: as many as calls at once, or fewer. One
    // file in a hundred calls that is not closed would be seen.
    assert!(late.files <= early.files + AT_ONCE, "files leak");
    assert!(late.threads <= early.threads + AT_ONCE as u64, "threads leak");
}
