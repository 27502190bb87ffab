//! `/v1/payment_intents` and `/v1/charges`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;

/// Captures an authorised PaymentIntent.
pub fn capture(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    params: Params,
) -> Result<Value, ApiError> {
    params.finish()?;
    let intent =
        state.intent_mut(id).ok_or_else(|| ApiError::resource_missing("payment_intent", id))?;
    if intent.status != "requires_capture" {
        return Err(ApiError::unexpected_state(&format!(
            "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent.status
        )));
    }
    intent.status = "succeeded";
    let captured = intent.json();
    outbox.record_event(state, "payment_intent.succeeded", &captured);
    Ok(captured)
}

/// Cancels a PaymentIntent. Those of Checkout can only be canceled in `requires_capture`; before, the
/// Checkout Session has to expire. Source: Stripe's documentation of "Cancel a PaymentIntent".
pub fn cancel(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let reason = params.take("cancellation_reason");
    params.finish()?;
    let intent =
        state.intent_mut(id).ok_or_else(|| ApiError::resource_missing("payment_intent", id))?;
    if matches!(intent.status, "requires_payment_method" | "requires_action") {
        return Err(ApiError::unexpected_state(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. Expire the Checkout Session instead.",
        ));
    }
    if !intent.cancel(reason.as_deref().unwrap_or("requested_by_customer")) {
        return Err(ApiError::unexpected_state(&format!(
            "You cannot cancel this PaymentIntent because it has a status of {}.",
            intent.status
        )));
    }
    let canceled = intent.json();
    outbox.record_event(state, "payment_intent.canceled", &canceled);
    Ok(canceled)
}

/// Lists the PaymentIntents.
pub fn list(state: &AccountState, params: Params) -> Result<Value, ApiError> {
    let intents = state.intents.iter().rev().map(|i| (i.id.as_str(), || i.json()));
    list_page(intents, "/v1/payment_intents", params)
}

/// Lists the charges.
pub fn list_charges(state: &AccountState, params: Params) -> Result<Value, ApiError> {
    let charges = state.intents.iter().rev().filter_map(|intent| {
        let id = intent.latest_charge.as_deref()?;
        Some((id, || intent.charge_json().unwrap_or_default()))
    });
    list_page(charges, "/v1/charges", params)
}

/// Reads a PaymentIntent.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    let expand = params.into_expansions()?;
    let with_charge = expand.iter().any(|path| path == "latest_charge");
    state
        .intent(id)
        .map(|intent| if with_charge { intent.expanded_json() } else { intent.json() })
        .ok_or_else(|| ApiError::resource_missing("payment_intent", id))
}
