//! What the provider answers has the right case: a flow repeats what may be repeated, and nothing else.

use std::sync::Arc;

use super::fixed;
use super::wrong_answers::{WRITING, judged};
use crate::conform::case::{Case, Outcome, Parts, Rule};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, Which};
use crate::conform::functions::FUNCTIONS;
use crate::conform::kit::Kit;

/// The statuses that every provider may answer.
const STATUSES: [Fault; 8] = [
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(409),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::FailsAfter,
];

/// Answers that cannot be read.
const UNREADABLE: [Fault; 3] = [Fault::Html, Fault::Truncated, Fault::Empty];

/// Each status has its case.
pub const PROVIDER_ERRORS: Rule = Rule {
    name: "provider-errors",
    why: "The case decides whether a flow tries again, asks for another key, or gives the reference free.",
    cases: |_| fixed(cases(&STATUSES)),
};

/// An answer that cannot be read is no answer.
pub const UNREADABLE_ANSWERS: Rule = Rule {
    name: "unreadable-answers",
    why: "Proxies answer in a provider's place. What a write did is not known then.",
    cases: |_| fixed(cases(&UNREADABLE)),
};

fn cases(faults: &'static [Fault]) -> Vec<Case> {
    let every = FUNCTIONS.into_iter().map(move |function| {
        Case::new(function, move |kit, evidence| run(kit, evidence, function, Which::Every, faults))
    });
    let writes = WRITING.into_iter().map(move |function| {
        let name = format!("{function}-write");
        Case::new(name, move |kit, evidence| {
            run(kit, evidence, function, Which::FirstWrite, faults)
        })
    });
    every.chain(writes).collect()
}

async fn run(
    kit: Arc<Kit>,
    evidence: Evidence,
    function: &'static str,
    which: Which,
    faults: &'static [Fault],
) -> Outcome {
    let mut direct = Direct::start(kit, evidence).await?;
    let mut parts = Parts::default();
    for &fault in faults {
        parts.add(judged(&mut direct, function, which, fault).await)?;
    }
    parts.end()
}
