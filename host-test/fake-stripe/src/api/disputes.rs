//! `/v1/disputes`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{Dispute, new_id, now};

/// Lists the disputes, those of a PaymentIntent or a charge, or those of a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of_intent = params.take("payment_intent");
    let of_charge = params.take("charge");
    let created = params.created()?;
    let is_wanted = |dispute: &&Dispute| {
        created.contains(&dispute.created)
            && of_intent.as_ref().is_none_or(|of| *of == dispute.payment_intent)
            && of_charge.as_ref().is_none_or(|of| *of == dispute.charge)
    };
    let disputes = state.disputes.iter().rev().filter(is_wanted);
    let disputes = disputes.map(|dispute| (dispute.id.as_str(), || dispute.json()));
    list_page(disputes, "dispute", "/v1/disputes", params)
}

/// Reads a dispute.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let dispute = state.disputes.iter().find(|dispute| dispute.id == id);
    dispute.map(Dispute::json).ok_or_else(|| ApiError::resource_missing("dispute", id))
}

/// Disputes a PaymentIntent, as a customer's bank does. One that is not paid cannot be disputed.
pub fn open(outbox: &Outbox, state: &mut AccountState, intent_id: &str, reason: &str) {
    let livemode = state.mode.livemode;
    let Some(charge) = state.paid_charge(intent_id) else { return };
    charge.is_disputed = true;
    let dispute = Dispute {
        id: new_id("du"),
        payment_intent: intent_id.to_owned(),
        charge: charge.id.clone(),
        brand: charge.payment_method.card.brand,
        amount: charge.amount_captured,
        currency: charge.currency.clone(),
        reason: reason.to_owned(),
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
