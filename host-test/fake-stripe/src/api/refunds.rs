//! `/v1/refunds`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{Refund, new_id, now};

/// Why a refund may be made. Source: Stripe's documentation of "Create a refund".
pub const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

/// Refunds a part or all of what is left.
pub fn create(
    outbox: &Outbox,
    state: &mut AccountState,
    mut params: Params,
) -> Result<Value, ApiError> {
    let charge_id = params.take("charge");
    let intent_id = match &charge_id {
        Some(id) => state.charge(id).map(|charge| charge.payment_intent.clone()),
        None => Some(params.require("payment_intent")?),
    };
    let intent_id = intent_id.ok_or_else(|| {
        ApiError::resource_missing("charge", charge_id.as_deref().unwrap_or_default())
    })?;
    let asked = params.number("amount")?;
    let reason = params.take("reason");
    let metadata = params.map("metadata");
    params.finish()?;
    if let Some(reason) = reason.as_deref().filter(|reason| !REASONS.contains(reason)) {
        return Err(ApiError::invalid_choice("reason", reason, &REASONS));
    }
    let fails = state.refunds_fail;
    if state.intent(&intent_id).is_none() {
        return Err(ApiError::resource_missing("payment_intent", &intent_id));
    }
    let charge = state.paid_charge(&intent_id).ok_or_else(|| {
        ApiError::invalid(&format!(
            "This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        ))
    })?;
    let left = charge.refundable();
    if left == 0 {
        return Err(ApiError::already_refunded(&charge.id));
    }
    let amount = asked.unwrap_or(left);
    if amount == 0 || amount > left {
        return Err(ApiError::refund_too_large(amount, left));
    }
    if !fails {
        charge.amount_refunded += amount;
    }
    let refund = Refund {
        id: new_id("re"),
        charge: charge.id.clone(),
        payment_intent: intent_id,
        amount,
        currency: charge.currency.clone(),
        status: if fails { "failed" } else { "succeeded" },
        reason,
        metadata,
        created: now(),
    };
    let charge = charge.json();
    let answer = refund.json();
    state.refunds.push(refund);
    if !fails {
        outbox.record_event(state, "charge.refunded", &charge);
    }
    outbox.record_event(state, "refund.created", &answer);
    Ok(answer)
}

/// Makes the last refund fail, as a bank does that sends the money back days later.
pub fn fail_last(outbox: &Outbox, state: &mut AccountState) {
    let Some(refund) = state.refunds.last_mut() else { return };
    refund.status = "failed";
    let (failed, amount, charge) = (refund.json(), refund.amount, refund.charge.clone());
    if let Some(charge) = state.charge_mut(&charge) {
        charge.amount_refunded = charge.amount_refunded.saturating_sub(amount);
    }
    outbox.record_event(state, "refund.failed", &failed);
}

/// Reads a refund.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let refund = state.refunds.iter().find(|refund| refund.id == id);
    refund.map(Refund::json).ok_or_else(|| ApiError::resource_missing("refund", id))
}

/// Lists the refunds, those of a PaymentIntent or a charge, or those of a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of_intent = params.take("payment_intent");
    let of_charge = params.take("charge");
    let created = params.created()?;
    let is_wanted = |refund: &&Refund| {
        created.contains(&refund.created)
            && of_intent.as_ref().is_none_or(|of| *of == refund.payment_intent)
            && of_charge.as_ref().is_none_or(|of| *of == refund.charge)
    };
    let refunds = state.refunds.iter().rev().filter(is_wanted);
    let refunds = refunds.map(|refund| (refund.id.as_str(), || refund.json()));
    list_page(refunds, "refund", "/v1/refunds", params)
}
