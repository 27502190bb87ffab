//! Expansion: the parameter `expand[]` replaces the id of an object by the object.

use serde_json::{Value, json};

use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{Charge, PaymentIntent, Refund};

/// How many steps a path may have. Source: Stripe's documentation of "Expanding responses".
const MAXIMUM_DEPTH: usize = 4;

/// The fields of the fake's objects that Stripe can expand. Those that the fake knows nothing of are null,
/// and stay so.
const EXPANDABLE: [&str; 20] = [
    "application",
    "application_fee",
    "balance_transaction",
    "charge",
    "customer",
    "failure_balance_transaction",
    "invoice",
    "latest_charge",
    "on_behalf_of",
    "payment_intent",
    "payment_link",
    "payment_method",
    "refunds",
    "review",
    "setup_intent",
    "source",
    "source_transfer",
    "source_transfer_reversal",
    "subscription",
    "transfer_reversal",
];

/// Expands the fields of an answer at some paths.
pub fn expand(
    state: &AccountState,
    mut answer: Value,
    paths: &[String],
) -> Result<Value, ApiError> {
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > MAXIMUM_DEPTH {
            return Err(ApiError::expanded_too_deep(path));
        }
        expand_path(state, &mut answer, &steps, path)?;
    }
    Ok(answer)
}

fn expand_path(
    state: &AccountState,
    value: &mut Value,
    steps: &[&str],
    path: &str,
) -> Result<(), ApiError> {
    let [step, rest @ ..] = steps else { return Ok(()) };
    if *step == "data" && value.get("object").is_some_and(|object| object == "list") {
        let data = value.get_mut("data").and_then(Value::as_array_mut);
        for object in data.into_iter().flatten() {
            expand_path(state, object, rest, path)?;
        }
        return Ok(());
    }
    if !EXPANDABLE.contains(step) {
        return Err(ApiError::cannot_expand(path));
    }
    if *step == "refunds" {
        include_refunds(state, value);
    }
    let field = value.get_mut(*step).ok_or_else(|| ApiError::cannot_expand(path))?;
    if field.is_null() {
        return Ok(());
    }
    if let Some(id) = field.as_str() {
        *field = object(state, step, id).ok_or_else(|| ApiError::cannot_expand(path))?;
    }
    expand_path(state, field, rest, path)
}

/// The object of an id in a field.
fn object(state: &AccountState, field: &str, id: &str) -> Option<Value> {
    match field {
        "charge" | "latest_charge" => state.charge(id).map(Charge::json),
        "payment_intent" => state.intent(id).map(PaymentIntent::json),
        "payment_method" => {
            let of_charges = state.charges.iter().rev().map(|charge| &charge.payment_method);
            let of_intents = state.intents.iter().filter_map(|one| one.payment_method.as_ref());
            let method = of_intents.chain(of_charges).find(|method| method.id == id)?;
            Some(method.json())
        }
        _ => None,
    }
}

/// Includes the refunds of a charge.
fn include_refunds(state: &AccountState, charge: &mut Value) {
    if charge.get("object").is_none_or(|object| object != "charge") {
        return;
    }
    let Some(fields) = charge.as_object_mut() else { return };
    let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
    let of_charge = state.refunds.iter().rev().filter(|refund| refund.charge == id);
    let refunds = json!({
        "object": "list",
        "data": of_charge.map(Refund::json).collect::<Vec<_>>(),
        "has_more": false,
        "url": format!("/v1/charges/{id}/refunds"),
    });
    fields.insert("refunds".to_owned(), refunds);
}
