//! A request without an answer: what it may have done decides its case.

use std::sync::Arc;
use std::time::Duration;

use super::fixed;
use super::wrong_answers::{
    WRITING, judged, judged_request_by_request, judged_silent, judged_unreachable,
};
use crate::conform::case::{Case, Outcome, Parts, Rule};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, Which};
use crate::conform::functions::FUNCTIONS;
use crate::conform::kit::Kit;

/// How long a call may take at a provider that is silent. Its requests end a second earlier.
const SHORT: Duration = Duration::from_millis(1_500);

/// A request without an answer has the right case.
pub const LOST_ANSWERS: Rule = Rule {
    name: "lost-answers",
    why: "A payment that may have been made must not be called failed: the customer would be charged twice.",
    cases: |_| {
        let every = FUNCTIONS.into_iter().map(|function| {
            Case::new(function, move |kit, evidence| each_request(kit, evidence, function))
        });
        let writes = WRITING.into_iter().map(|function| {
            let name = format!("{function}-requests");
            Case::new(name, move |kit, evidence| one_request(kit, evidence, function))
        });
        fixed(every.chain(writes).collect())
    },
};

async fn each_request(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let mut direct = Direct::start(kit, evidence).await?;
    let mut parts = Parts::default();
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        parts.add(judged(&mut direct, function, Which::Every, fault).await)?;
    }
    parts.add(judged_unreachable(&mut direct, function).await)?;
    parts.add(judged_silent(&mut direct, function, Which::Every, SHORT).await)?;
    parts.end()
}

async fn one_request(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let mut direct = Direct::start(kit, evidence).await?;
    let mut parts = Parts::default();
    parts.add(judged_request_by_request(&mut direct, function).await)?;
    parts.add(judged_silent(&mut direct, function, Which::FirstWrite, SHORT).await)?;
    parts.end()
}
