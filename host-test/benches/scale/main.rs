//! What size costs: a real `serve` over a data folder of many installations and payments, beside one over a folder of
//! one installation without payments. Each figure is taken on both in turn, in one run.
//!
//! `cargo bench -p host-test --bench scale -- 10000 1000000` is for so many installations and payments. A wrong
//! answer, or a payment that is not told once, ends it with an error.
//!
//! The background begins with a round for each installation: 16 at a time, each with a request for events and one
//! report on the account, and then a listing each nine minutes. They ask the fake, which takes the same two cores. So a
//! delivery is measured during the first rounds, and everything else afterwards. The old payments are decided, and
//! nobody asks about them.

// A benchmark that panics has failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod asks;
mod side;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use asks::{ASKS, REQUESTS};
use side::Side;
use support::load::{self, Connection};
use tempfile::TempDir;

/// Deliveries with one connection, and again with 16.
const DELIVERIES: u64 = 1000;
/// Blocks of deliveries with 16 connections, in turn.
const BLOCKS: u64 = 10;

/// The median, in milliseconds.
fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn print(figure: &str, on_empty: f64, on_full: f64) {
    println!("| {figure} | {on_empty:.2} | {on_full:.2} | {:.2} |", on_full / on_empty);
}

/// Makes each request of both sides, in turn. Returns the times, those of the empty side first.
async fn in_turn(
    empty: (SocketAddr, Vec<Vec<u8>>),
    full: (SocketAddr, Vec<Vec<u8>>),
    answer: &str,
) -> [Vec<Duration>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    let [(to_empty, of_empty), (to_full, of_full)] = [empty, full];
    let mut connections = [Connection::open(to_empty).await, Connection::open(to_full).await];
    for (of_empty, of_full) in of_empty.iter().zip(&of_full) {
        for (side, request) in [of_empty, of_full].into_iter().enumerate() {
            times[side].push(connections[side].exchange(request).await);
            let said = connections[side].answer();
            assert!(said.contains(answer), "{answer} is not in {said}");
        }
    }
    times
}

/// A block of deliveries with 16 connections: the median in milliseconds.
fn block(side: &mut Side) -> Duration {
    let deliveries = side.deliveries(DELIVERIES / BLOCKS);
    load::run(side.serve.door, deliveries, 16).p50
}

fn memory(when: &str, side: &Side) {
    println!("resident memory of the full one {when}: {} MiB", side.serve.memory().unwrap_or(0));
}

fn main() {
    let mut sizes = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let (installations, payments) = (sizes.next().unwrap_or(1000), sizes.next().unwrap_or(50_000));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let installations = usize::try_from(installations).unwrap();
    let new = |folder: &TempDir, installations, payments| {
        runtime.block_on(Side::new(folder.path(), installations, payments))
    };
    let mut full = new(&folders[1], installations, payments);
    memory("after its start", &full);
    let in_rounds = runtime.block_on(full.first_rounds());
    memory("after the first rounds", &full);
    let mut empty = new(&folders[0], 1, 0);
    runtime.block_on(empty.first_rounds());

    println!("| median | empty, ms | full, ms | ratio |\n| --- | --- | --- | --- |");
    let starts = [&empty, &full].map(|side| side.serve.start_time.as_secs_f64() * 1e3);
    print("start of `serve`", starts[0], starts[1]);
    let deliveries = (
        (empty.serve.door, empty.deliveries(DELIVERIES)),
        (full.serve.door, full.deliveries(DELIVERIES)),
    );
    let [on_empty, on_full] = runtime.block_on(in_turn(deliveries.0, deliveries.1, ""));
    print("a delivery, 1 connection", median(&on_empty), median(&on_full));
    print("the same, in the first rounds", median(&on_empty), median(&in_rounds));
    let blocks = (0..BLOCKS).map(|_| (block(&mut empty), block(&mut full)));
    let (on_empty, on_full): (Vec<_>, Vec<_>) = blocks.unzip();
    print("a delivery, 16 connections", median(&on_empty), median(&on_full));
    // What was not needed in the first rounds.
    for side in [&mut empty, &mut full] {
        load::run(side.serve.door, side.deliveries(u64::MAX), 16);
    }
    memory("after the deliveries", &full);
    for ask in &ASKS {
        let [to_empty, to_full] =
            [&empty, &full].map(|side| (side.serve.control, side.requests(ask)));
        let [on_empty, on_full] = runtime.block_on(in_turn(to_empty, to_full, ask.answer));
        print(ask.figure, median(&on_empty), median(&on_full));
    }
    let due = (0..REQUESTS).map(|_| (empty.due(), full.due()));
    let (on_empty, on_full): (Vec<_>, Vec<_>) = due.unzip();
    print("what is due, as the background reads it", median(&on_empty), median(&on_full));
    memory("at the end", &full);
    for side in [empty, full] {
        let approved = u64::try_from(side.merchants.approved().len()).unwrap();
        assert_eq!(approved, side.end, "payments were lost");
    }
}
