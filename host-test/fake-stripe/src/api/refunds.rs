//! `/v1/refunds`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{Refund, new_id, now};

/// Refunds a part or all of what is left.
pub fn create(
    outbox: &Outbox,
    state: &mut AccountState,
    mut params: Params,
) -> Result<Value, ApiError> {
    let payment_intent = params.require("payment_intent")?;
    let asked = params.number("amount")?;
    let metadata = params.map("metadata");
    params.finish()?;
    let fails = state.refunds_fail;
    let intent = state
        .intent_mut(&payment_intent)
        .ok_or_else(|| ApiError::resource_missing("payment_intent", &payment_intent))?;
    let (Some(charge), true) = (intent.latest_charge.clone(), intent.amount_received() > 0) else {
        return Err(ApiError::invalid(&format!(
            "This PaymentIntent ({payment_intent}) does not have a successful charge to refund."
        )));
    };
    let left = intent.amount_received() - intent.amount_refunded;
    if left == 0 {
        return Err(ApiError::already_refunded(&charge));
    }
    let amount = asked.unwrap_or(left);
    if amount == 0 || amount > left {
        return Err(ApiError::invalid(&format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        )));
    }
    if !fails {
        intent.amount_refunded += amount;
    }
    let refund = Refund {
        id: new_id("re"),
        charge,
        payment_intent,
        amount,
        currency: intent.currency.clone(),
        status: if fails { "failed" } else { "succeeded" },
        metadata,
        created: now(),
    };
    let charge = intent.charge_json().unwrap_or_default();
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
    let (failed, amount, intent) = (refund.json(), refund.amount, refund.payment_intent.clone());
    if let Some(intent) = state.intent_mut(&intent) {
        intent.amount_refunded = intent.amount_refunded.saturating_sub(amount);
    }
    outbox.record_event(state, "refund.failed", &failed);
}

/// Reads a refund.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let refund = state.refunds.iter().find(|refund| refund.id == id);
    refund.map(Refund::json).ok_or_else(|| ApiError::resource_missing("refund", id))
}

/// Lists the refunds, those of a PaymentIntent, or those since a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let since = params.number("created[gte]")?.unwrap_or(0);
    let is_wanted = |refund: &&Refund| {
        refund.created >= since && of.as_ref().is_none_or(|of| *of == refund.payment_intent)
    };
    let refunds =
        state.refunds.iter().rev().filter(is_wanted).map(|r| (r.id.as_str(), || r.json()));
    list_page(refunds, "/v1/refunds", params)
}
