//! What a delivery costs here, and what it costs with the libraries and in a service of others, in turn in one run.
//!
//! `host-test/benches/peers/run [ROUNDS [DELIVERIES]]` installs them, and runs this. By itself, `cargo bench -p host-test
//! --bench peers -- ROUNDS DELIVERIES` compares with what it finds: Node in the variable `NODE`, and the program in
//! `async-stripe/` in the variable `ASYNC_STRIPE`. It fails if a delivery is not answered with 200, or is not recorded
//! exactly once.

// A benchmark that panics has failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod durable;
mod node_service;
mod one_delivery;
mod programs;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod whole_process;

use programs::Node;
use table::Table;

/// A captured `payment_intent.succeeded` of 2.8 KB.
const BODY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json"
);

fn main() {
    // cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let rounds: usize = arguments.first().map_or(3, |rounds| rounds.parse().unwrap()).max(1);
    let deliveries = arguments.get(1).map_or(20_000, |deliveries| deliveries.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Node::find();
    let mut table = Table::new();
    one_delivery::measure(&mut table, &node, rounds, &data);
    whole_process::measure(&mut table, &node, rounds, &data);
    durable::measure(&mut table, &node, rounds, deliveries);
    table.print();
}
