//! Deliveries that were kept. Their headers and bodies are not shown.

use serde_json::{Value, json};

use super::problem;
use crate::json::set;
use crate::marketplace::Replayed;
use ledger::KeptDelivery;

/// The kept deliveries, each with its number.
#[must_use]
pub fn kept_deliveries(kept: &[(u64, KeptDelivery)]) -> Value {
    let deliveries: Vec<Value> =
        kept.iter().map(|(number, kept)| delivery(*number, kept)).collect();
    json!({ "deliveries": deliveries })
}

/// A delivery that was processed again.
#[must_use]
pub fn replayed(replayed: &Replayed) -> Value {
    let mut json = delivery(replayed.number, &replayed.delivery);
    set(&mut json, "outcome_now", replayed.outcome.as_str());
    set(&mut json, "reason_now", replayed.outcome.reason().map(problem));
    json
}

fn delivery(number: u64, kept: &KeptDelivery) -> Value {
    json!({
        "number": number,
        "event": kept.event,
        "installation": kept.installation,
        "received_at": kept.received_at,
        "size_bytes": kept.size_bytes,
        "outcome": kept.outcome,
        "code": kept.code,
    })
}
