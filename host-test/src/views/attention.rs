//! What needs a person.

use serde_json::{Value, json};

use super::problem;
use crate::json::set;
use crate::marketplace::{AttentionItem, ClosedItem};

/// The open entries.
#[must_use]
pub fn attention(items: &[AttentionItem]) -> Value {
    json!({ "attention": items.iter().map(item).collect::<Vec<_>>() })
}

/// The entries that were closed last.
#[must_use]
pub fn closed_attention(items: &[ClosedItem]) -> Value {
    let closed = |closed: &ClosedItem| {
        let mut json = item(&closed.item);
        set(&mut json, "closed_at", closed.at);
        set(&mut json, "closed_by", closed.by.as_str());
        set(&mut json, "note", closed.note.clone());
        json
    };
    json!({ "closed": items.iter().map(closed).collect::<Vec<_>>() })
}

/// An entry was accepted.
#[must_use]
pub fn accepted(id: u64) -> Value {
    json!({ "accepted": id })
}

/// An entry was resolved.
#[must_use]
pub fn resolved(id: u64) -> Value {
    json!({ "resolved": id })
}

fn item(item: &AttentionItem) -> Value {
    json!({
        "id": item.id,
        "mode": item.mode.as_str(),
        "code": item.problem.code,
        "reference": item.reference,
        "payment": item.payment,
        "since": item.since,
        "due_by": item.due_by,
        "problem": problem(&item.problem),
    })
}
