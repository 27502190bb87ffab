//! Reconciliation, a restored ledger, and how far everything is behind.

use serde_json::{Value, json};

use super::problem;
use crate::contract::types::Mode;
use crate::marketplace::{Readiness, ReconciliationFailure, ReconciliationSummary};

/// What a reconciliation did.
#[must_use]
pub fn reconciliation(summary: &ReconciliationSummary) -> Value {
    let failure = |failure: &ReconciliationFailure| json!({ "what": failure.what, "problem": problem(&failure.problem) });
    json!({
        "listed": summary.listed,
        "new": summary.new,
        "asked": summary.asked,
        "changed": summary.changed,
        "failed": summary.failed,
        "failures": summary.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

/// The workspaces, by their ids, and modes in which `pay` is closed since a backup was restored.
#[must_use]
pub fn restored(closed: &[(String, Mode)]) -> Value {
    let scope = |(workspace, mode): &(String, Mode)| json!({ "workspace": workspace, "mode": mode.as_str() });
    json!({ "closed": closed.iter().map(scope).collect::<Vec<_>>() })
}

/// Whether a marketplace is ready, and how far it is behind, in seconds.
#[must_use]
pub fn readiness(readiness: &Readiness) -> Value {
    json!({
        "ready": readiness.problems.is_empty(),
        "listing_lag": readiness.listing_lag,
        "asking_lag": readiness.asking_lag,
        "attention": readiness.attention,
        "problems": readiness.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}
