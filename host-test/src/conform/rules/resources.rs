//! What each function uses, within what the contract allows.

use std::sync::Arc;

use super::fixed;
use crate::conform::case::{Case, Outcome, Rule, expect};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::functions::{FUNCTIONS, call, ready};
use crate::conform::kit::Kit;
use crate::plugin::LastUsage;

/// A quarter of the memory of a call, in bytes: a merchant with many payments needs the rest. Source of the whole:
/// the contract.
const MEMORY: usize = (64 << 20) / 4;
/// Most of the time that a call may compute, in milliseconds: other cases share the cores meanwhile, and the report
/// says how much it was. Source of the whole: the contract.
const COMPUTING: u128 = 1000 * 3 / 4;
/// A quarter of the requests of a call. Source of the whole: the contract.
const REQUESTS: u32 = 128 / 4;
/// The largest body of a delivery, in bytes. Source: the contract.
const LARGEST_DELIVERY: usize = 1 << 20;

/// No function comes near its limits.
pub const WITHIN_LIMITS: Rule = Rule {
    name: "within-limits",
    why: "A call that reaches a limit is ended, and what it did is not known.",
    cases: |_| {
        let case = |function: &'static str| {
            Case::new(function, move |kit, evidence| within(kit, evidence, function))
        };
        let mut cases: Vec<Case> = FUNCTIONS.into_iter().map(case).collect();
        cases.push(Case::new("largest-delivery", largest_delivery));
        fixed(cases)
    },
};

async fn within(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let mut direct = Direct::start(kit, evidence).await?;
    let arguments = ready(&direct, function).await?;
    let last = Arc::new(LastUsage::default());
    direct.plugin = direct.plugin.clone().with_usage(&last);
    call(&direct, &arguments).await?;
    let used = last.take();
    let (memory, computing) = (used.memory_bytes, used.computing.as_millis());
    let requests = used.requests;
    let says = format!(
        "{function} has used {} KiB of memory, {computing} ms of computing and {requests} requests",
        memory >> 10
    );
    direct.world.evidence.note(&says);
    expect(memory <= MEMORY && computing <= COMPUTING && requests <= REQUESTS, || {
        format!(
            "{says}: more than it should of what a call may use ({} KiB, {COMPUTING} ms, {REQUESTS} requests)",
            MEMORY >> 10
        )
    })
}

/// The largest delivery that a host takes is answered, and not ended at a limit.
async fn largest_delivery(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let genuine = crate::conform::functions::delivery(&direct).await?;
    for filling in [b' ', b'[', b'{', b'"', 0xff] {
        let mut request = genuine.request();
        request.body = vec![filling; LARGEST_DELIVERY];
        let at = genuine.received_at;
        let handled =
            direct.plugin.handle_webhook(direct.call(), at, &direct.installation, &request).await;
        let read = direct.told("handle-webhook", handled)?;
        expect(read.is_err(), || "a delivery of a million equal bytes is taken".to_owned())?;
        direct.plugin.identify_webhook(at, &request).await?;
    }
    Ok(())
}
