//! What a flow reads: payments, the history of one, and transitions.

use serde_json::{Value, json};

use super::payment::stored_payment;
use crate::contract::types::Mode;
use ledger::{PaymentHistory, Pruned, StoredPayment, Transition};

/// Payments, the newest first, of which at most `limit` were asked for.
#[must_use]
pub fn payments(mode: Mode, payments: &[StoredPayment], limit: u32) -> Value {
    let list: Vec<Value> = payments.iter().map(stored_payment).collect();
    let next = next_page(payments, limit);
    json!({ "mode": mode.as_str(), "payments": list, "next": next })
}

/// The place after which the next page of payments begins. None: there is no other page.
#[must_use]
pub fn next_page(payments: &[StoredPayment], limit: u32) -> Option<u64> {
    // A full page: there may be more.
    let is_full = u32::try_from(payments.len()) == Ok(limit);
    payments.last().filter(|_| is_full).map(StoredPayment::place)
}

/// The history of a payment.
#[must_use]
pub fn history(mode: Mode, history: &PaymentHistory) -> Value {
    json!({
        "mode": mode.as_str(),
        "payment": stored_payment(&history.payment),
        "asked_for_at": history.created_at,
        "aliases": history.aliases,
        "happenings": serde_json::to_value(&history.entries).unwrap_or_default(),
    })
}

/// The transitions that a consumer has not acknowledged.
#[must_use]
pub fn transitions(consumer: &str, unread: &[Transition]) -> Value {
    json!({
        "consumer": consumer,
        "transitions": serde_json::to_value(unread).unwrap_or_default(),
    })
}

/// What was deleted.
#[must_use]
pub fn pruned(pruned: &Pruned) -> Value {
    json!({
        "events": pruned.events,
        "transitions": pruned.transitions,
        "early_events": pruned.early_events,
        "attention": pruned.attention,
    })
}
