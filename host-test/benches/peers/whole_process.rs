//! `webhook verify` from its start to its end, with its component compiled before, beside a Node that does nothing.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::BODY;
use crate::programs::{Node, json_of};
use crate::support::OWN;
use crate::support::merchant::SECRET;
use crate::table::{Measured, Table, Unit};

const RECEIVED_AT: u64 = 1_900_000_000;
/// How many processes of each there are in a round.
const PROCESSES: usize = 20;

/// The time of a process, in microseconds.
fn timed(command: &mut Command) -> f64 {
    let start = Instant::now();
    let output = command.output().unwrap();
    let time = start.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    time.as_secs_f64() * 1e6
}

/// Measures ours and Node in turn.
pub fn measure(table: &mut Table, node: &Result<Node, String>, rounds: usize, data: &Path) {
    let figure = "a whole process";
    let node = match node {
        Ok(node) => node,
        Err(reason) => return table.not_compared(figure, reason),
    };
    let body = std::fs::read(BODY).unwrap();
    let signature = fake_provider::signature(SECRET, false, &body, RECEIVED_AT);
    let mut verify = Command::new(OWN);
    verify.args(["webhook", "verify", BODY, "--received-at", &RECEIVED_AT.to_string()]);
    verify.args(["--signature", &signature, "--data-dir"]).arg(data);
    verify.env("WEBHOOK_SECRETS", SECRET);
    let mut nothing = node.command();
    nothing.args(["-e", "0"]);

    // The first one compiles the component, and keeps it.
    let answer = json_of(&mut verify);
    assert_eq!(answer["payment"]["status"], "approved");
    timed(&mut nothing);
    let (ours, peer) =
        (0..rounds * PROCESSES).map(|_| (timed(&mut verify), timed(&mut nothing))).unzip();
    let ours = Measured { name: "`webhook verify`, component cached", values: ours };
    let peer = Measured { name: "`node -e 0`", values: peer };
    table.compare(figure, Unit::Microseconds, &ours, &peer);
}
