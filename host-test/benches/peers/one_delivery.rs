//! One captured delivery, from its bytes to a verified event: ours with isolation and without it, and the libraries of
//! others, which have none.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::BODY;
use crate::programs::{Node, async_stripe, json_of};
use crate::support::OWN;
use crate::table::{Measured, Table, Unit};

const ITERATIONS: &str = "2000";

fn figures(rounds: &[Value], field: &str) -> Vec<f64> {
    rounds.iter().map(|round| round[field].as_f64().unwrap()).collect()
}

/// A library's figures beside those of our fresh instance.
fn compare(table: &mut Table, ours: &[Value], name: &str, peer: Result<&[Value], &String>) {
    for (percentile, our_field, peer_field) in
        [("p50", "fresh_instance_p50_ns", "p50_ns"), ("p99", "fresh_instance_p99_ns", "p99_ns")]
    {
        let figure = format!("one delivery, {percentile}");
        match peer {
            Err(reason) => table.not_compared(&figure, &format!("{name}: {reason}")),
            Ok(rounds) => {
                let ours = Measured { name: "fresh instance", values: figures(ours, our_field) };
                let peer = Measured { name, values: figures(rounds, peer_field) };
                table.compare(&figure, Unit::Nanoseconds, &ours, &peer);
            }
        }
    }
}

/// Measures ours and the others in turn.
pub fn measure(table: &mut Table, node: &Result<Node, String>, rounds: usize, data: &Path) {
    let script = || node.as_ref().map_err(Clone::clone)?.script("construct_event.mjs");
    let (script, async_stripe) = (script(), async_stripe());
    let mut script = script.map(|mut script| {
        script.args([BODY, ITERATIONS]);
        script
    });
    let mut async_stripe = async_stripe.map(|program| {
        let mut command = Command::new(program);
        command.args([BODY, ITERATIONS]);
        command
    });
    let mut own = Command::new(OWN);
    own.args(["bench", "webhook", BODY, "--iterations", ITERATIONS, "--json", "--data-dir"]);
    own.arg(data);

    let (mut in_node, mut in_rust, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        in_node.extend(script.as_mut().ok().map(json_of));
        in_rust.extend(async_stripe.as_mut().ok().map(json_of));
        ours.push(json_of(&mut own));
    }

    let in_node = script.as_ref().map(|_| in_node.as_slice());
    compare(table, &ours, "`constructEvent` in Node", in_node);
    let in_rust = async_stripe.as_ref().map(|_| in_rust.as_slice());
    compare(table, &ours, "async-stripe", in_rust);
    let our = |name, field| Measured { name, values: figures(&ours, field) };
    let native = our("our own code, native", "native_p50_ns");
    for (name, field) in
        [("fresh instance", "fresh_instance_p50_ns"), ("warm instance", "warm_instance_p50_ns")]
    {
        table.compare("one delivery, p50", Unit::Nanoseconds, &our(name, field), &native);
    }
}
