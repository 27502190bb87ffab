//! How fast a real `serve` takes deliveries: signed, each of an event and a payment of its own, answered after the commit.
//! The ledger is looked at afterwards: each payment has to be told once.
//! `cargo bench -p host-test --bench serve -- 20000` sends so many over 64 connections.

// A benchmark that panics has failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use support::load;
use support::merchant::Merchants;
use support::peak_memory;

/// The connections, and the part of the deliveries that they send: with one, each waits for the disk alone.
const CONNECTIONS: [(usize, u64); 3] = [(1, 10), (16, 1), (64, 1)];

fn main() {
    let most = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let merchants = runtime.block_on(Merchants::install(data.path(), 1));
    let total = CONNECTIONS.iter().map(|(_, part)| most / part).sum();
    merchants.pay(0..total);
    let serve = runtime.block_on(merchants.serve());
    println!(
        "| connections | deliveries a second | p50, ms | p99, ms |\n| --- | --- | --- | --- |"
    );
    let mut first = 0;
    for (connections, part) in CONNECTIONS {
        let numbers = first..first + most / part;
        first = numbers.end;
        let load = load::run(serve.door, merchants.paid(numbers), connections);
        let (p50, p99) = (load.p50.as_secs_f64() * 1e3, load.p99.as_secs_f64() * 1e3);
        println!("| {connections} | {:.0} | {p50:.2} | {p99:.2} |", load.per_second);
    }
    println!("peak memory of serve: {} MiB", peak_memory(&serve.process).unwrap_or_default());
    assert_eq!(merchants.approved().len(), usize::try_from(total).unwrap(), "deliveries were lost");
}
