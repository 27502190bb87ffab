//! `/v1/disputes`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{Dispute, new_id, now};

/// Lists the disputes, or those of a PaymentIntent.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let is_wanted = |dispute: &&Dispute| of.as_ref().is_none_or(|of| *of == dispute.payment_intent);
    let disputes =
        state.disputes.iter().rev().filter(is_wanted).map(|d| (d.id.as_str(), || d.json()));
    list_page(disputes, "/v1/disputes", params)
}

/// Disputes a PaymentIntent, as a customer's bank does. One that is not paid cannot be disputed.
pub fn open(outbox: &Outbox, state: &mut AccountState, intent_id: &str) {
    let livemode = state.mode.livemode;
    let paid = state.intent_mut(intent_id).filter(|intent| intent.amount_received() > 0);
    let Some(intent) = paid else { return };
    let Some(charge) = intent.latest_charge.clone() else { return };
    intent.is_disputed = true;
    let dispute = Dispute {
        id: new_id("du"),
        payment_intent: intent.id.clone(),
        charge,
        amount: intent.amount_received(),
        currency: intent.currency.clone(),
        status: "needs_response",
        created: now(),
        livemode,
    };
    let created = dispute.json();
    state.disputes.push(dispute);
    outbox.record_event(state, "charge.dispute.created", &created);
}

/// Ends the open dispute of a PaymentIntent: it is `won` or `lost`.
pub fn close(outbox: &Outbox, state: &mut AccountState, intent_id: &str, status: &'static str) {
    let is_open = |d: &&mut Dispute| d.payment_intent == intent_id && d.status == "needs_response";
    let Some(dispute) = state.disputes.iter_mut().find(is_open) else { return };
    dispute.status = status;
    let closed = dispute.json();
    outbox.record_event(state, "charge.dispute.closed", &closed);
    if status == "won" {
        outbox.record_event(state, "charge.dispute.funds_reinstated", &closed);
    }
}
