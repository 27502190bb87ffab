//! How fast a real `serve` takes deliveries: signed, each of an event and a payment of its own, answered after the commit.
//! The ledger is looked at afterwards: each payment has to be told once.
//! `cargo bench -p host-test --bench serve -- 20000` sends so many over 16 and over 64 connections, and a tenth over one;
//! `-- 20000 1` sends all over one.

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
use support::{computed, peak_memory};

/// The connections, and the part of the deliveries that they send: with one, each waits for the disk alone.
const CONNECTIONS: [(usize, u64); 3] = [(1, 10), (16, 1), (64, 1)];

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let most = numbers.next().unwrap_or(2000);
    let loads = match numbers.next() {
        Some(connections) => vec![(usize::try_from(connections).unwrap(), 1)],
        None => CONNECTIONS.to_vec(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = tempfile::tempdir().unwrap();
    let merchants = runtime.block_on(Merchants::install(data.path(), 1));
    let total = loads.iter().map(|(_, part)| most / part).sum();
    merchants.pay(0..total);
    let serve = runtime.block_on(merchants.serve());
    println!("| connections | deliveries a second | p50, ms | p99, ms | computing of each, µs |");
    println!("| --- | --- | --- | --- | --- |");
    let mut first = 0;
    for (connections, part) in loads {
        let numbers = first..first + most / part;
        first = numbers.end;
        let requests = merchants.paid(numbers);
        let before = computed(&serve.process).unwrap_or_default();
        let load = load::run(serve.door, requests, connections);
        let computed = computed(&serve.process).unwrap_or_default().saturating_sub(before);
        let computed = computed.as_micros() / u128::from(most / part);
        let (p50, p99) = (load.p50.as_secs_f64() * 1e3, load.p99.as_secs_f64() * 1e3);
        println!("| {connections} | {:.0} | {p50:.2} | {p99:.2} | {computed} |", load.per_second);
    }
    println!("peak memory of serve: {} MiB", peak_memory(&serve.process).unwrap_or_default());
    assert_eq!(merchants.approved().len(), usize::try_from(total).unwrap(), "deliveries were lost");
}
