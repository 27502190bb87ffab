//! Durable deliveries: a real `serve` and the Node service in turn, each alone, with the same load and a new ledger each time.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use tokio::runtime::Runtime;

use crate::node_service::{NodeService, TARGET};
use crate::programs::Node;
use crate::support::load::{self, Load};
use crate::support::merchant::{Merchants, SECRET, delivery};
use crate::table::{Measured, Table, Unit};

/// The connections, and the part of the deliveries that they send: with one, each waits for the disk alone.
const CONNECTIONS: [(usize, u64); 3] = [(1, 10), (16, 1), (64, 1)];
/// The deliveries before the measurement: Node compiles what is called often.
const WARM_UP: u64 = 500;

/// How many deliveries a server gets, with those before the measurement.
fn total(deliveries: u64) -> u64 {
    WARM_UP + CONNECTIONS.iter().map(|(_, part)| deliveries / part).sum::<u64>()
}

/// Sends the deliveries, once for each number of connections.
fn loads(address: SocketAddr, target: &str, deliveries: u64) -> Vec<Load> {
    let paid = |numbers: Range<u64>| numbers.map(|number| delivery(target, number)).collect();
    load::run(address, paid(0..WARM_UP), 16);
    let mut first = WARM_UP;
    CONNECTIONS
        .map(|(connections, part)| {
            let numbers = first..first + deliveries / part;
            first = numbers.end;
            load::run(address, paid(numbers), connections)
        })
        .into()
}

fn ours(runtime: &Runtime, data: &Path, deliveries: u64) -> Vec<Load> {
    let merchants = runtime.block_on(Merchants::install(data, 1));
    merchants.pay(0..total(deliveries));
    let mut serve = runtime.block_on(merchants.serve());
    let target = format!("/link-webhook?{}", merchants.all[0].query);
    let loads = loads(serve.door, &target, deliveries);
    runtime.block_on(serve.process.kill()).unwrap();
    let approved = u64::try_from(merchants.approved().len()).unwrap();
    assert_eq!(approved, total(deliveries), "deliveries were lost");
    loads
}

fn in_node(runtime: &Runtime, script: Command, data: &Path, deliveries: u64) -> Vec<Load> {
    let ledger = data.join("ledger.sqlite");
    let service = NodeService::start(script, SECRET, &ledger, total(deliveries));
    let loads = loads(service.address, TARGET, deliveries);
    runtime.block_on(service.assert_holds(total(deliveries)));
    loads
}

/// Measures ours and the Node service in turn.
pub fn measure(table: &mut Table, node: &Result<Node, String>, rounds: usize, deliveries: u64) {
    let figure = "durable deliveries";
    let script = || node.as_ref().map_err(Clone::clone)?.script("server.mjs");
    let (mut our_rounds, mut node_rounds) = (Vec::new(), Vec::new());
    let runtime = Runtime::new().unwrap();
    for _ in 0..rounds {
        let script = match script() {
            Ok(script) => script,
            Err(reason) => return table.not_compared(figure, &reason),
        };
        let folder = || tempfile::tempdir().unwrap();
        our_rounds.push(ours(&runtime, folder().path(), deliveries));
        node_rounds.push(in_node(&runtime, script, folder().path(), deliveries));
    }
    for (position, (connections, _)) in CONNECTIONS.iter().enumerate() {
        let mut compare = |what: &str, unit, number: fn(&Load) -> f64| {
            let values = |rounds: &[Vec<Load>]| {
                rounds.iter().map(|loads| number(&loads[position])).collect::<Vec<_>>()
            };
            let ours = Measured { name: "`serve`", values: values(&our_rounds) };
            let peer = Measured { name: "Node service", values: values(&node_rounds) };
            let plural = if *connections == 1 { "" } else { "s" };
            let figure = format!("{figure}, {connections} connection{plural}, {what}");
            table.compare(&figure, unit, &ours, &peer);
        };
        compare("a second", Unit::PerSecond, |load| load.per_second);
        compare("p50", Unit::Microseconds, |load| load.p50.as_secs_f64() * 1e6);
        compare("p99", Unit::Microseconds, |load| load.p99.as_secs_f64() * 1e6);
    }
}
