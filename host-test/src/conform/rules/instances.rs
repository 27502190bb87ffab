//! A host may use a fresh instance for each call, or one for many: the answers are the same.

use std::sync::Arc;

use serde_json::Value;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, expect};
use crate::conform::direct::{Direct, Identity, new_id};
use crate::conform::evidence::Evidence;
use crate::conform::functions::{Answered, Call, call, ready};
use crate::conform::kit::Kit;

/// What changes nothing, and whatever is repeated with the same key.
const REPEATABLE: [&str; 8] = [
    "report-status",
    "create-payment",
    "find-payment",
    "get-payment",
    "find-refund",
    "get-refund",
    "list-events",
    "handle-webhook",
];

/// Each function answers the same in a fresh instance and in one that has served other calls.
pub const INSTANCES_AGREE: Rule = Rule {
    name: "instances-agree",
    why: "A host may serve many merchants with one instance: what a plugin remembers of one would reach another.",
    cases: |_| {
        let case = |function: &'static str| {
            Case::new(function, move |kit, evidence| agree(kit, evidence, function))
        };
        fixed(REPEATABLE.into_iter().map(case).collect())
    },
};

async fn agree(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let mut direct = Direct::start(kit, evidence).await?;
    let one = ready(&direct, function).await?;
    let first = direct.identity();
    // Another shop with the same account: what is remembered of the first shows in its answers.
    direct.request.workspace = new_id();
    direct.install_again().await?;
    direct.world.evidence.add("the same for another installation:");
    let other = ready(&direct, function).await?;
    let second = direct.identity();
    let fresh = both(&mut direct, (&first, &one), (&second, &other)).await?;
    direct.world.evidence.add("the same calls in one instance:");
    direct.plugin = direct.plugin.clone().reusing_one_instance();
    for _ in 0..2 {
        let reused = both(&mut direct, (&first, &one), (&second, &other)).await?;
        expect(reused == fresh, || {
            format!("{function} answers otherwise in an instance that has served other calls")
        })?;
    }
    Ok(())
}

/// The answers to a call of each of two installations, one after the other.
async fn both(
    direct: &mut Direct,
    (first, one): (&Identity, &Call),
    (second, other): (&Identity, &Call),
) -> Result<(Answered, Answered), Ending> {
    direct.become_installation(first);
    let answered = answer(direct, one).await?;
    direct.become_installation(second);
    Ok((answered, answer(direct, other).await?))
}

/// The answer without the time at which it was given.
async fn answer(direct: &Direct, arguments: &Call) -> Result<Answered, Ending> {
    let mut answered = call(direct, arguments).await?;
    if let Answered::Ok(Value::Object(members)) = &mut answered {
        members.remove("as_of");
    }
    if let Answered::Ok(value) = &mut answered
        && let Some(time) = value.pointer_mut("/Event/event/occurred_at")
    {
        // Where the plugin has asked, the event is as old as the answer.
        *time = Value::Null;
    }
    Ok(answered)
}
