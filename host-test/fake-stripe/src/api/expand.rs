//! Expansion: the parameter `expand[]` replaces the id of an object by the object.

use serde_json::{Value, json};

use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{Charge, PaymentIntent, Refund};
use Becomes::{List, Null, Object};

/// How many steps a path may have. Source: Stripe's documentation of "Expanding responses".
const MAXIMUM_DEPTH: usize = 4;

/// What a field becomes.
#[derive(Clone, Copy)]
enum Becomes {
    /// An object of this type.
    Object(&'static str),
    /// A list of objects of this type.
    List(&'static str),
    /// The fake knows nothing of it: it is null, and stays so.
    Null,
}

/// The fields that Stripe can expand, by the type of their object.
const EXPANDABLE: [(&str, &str, Becomes); 33] = [
    ("charge", "application", Null),
    ("charge", "application_fee", Null),
    ("charge", "balance_transaction", Null),
    ("charge", "customer", Null),
    ("charge", "failure_balance_transaction", Null),
    ("charge", "on_behalf_of", Null),
    ("charge", "payment_intent", Object("payment_intent")),
    ("charge", "payment_method", Object("payment_method")),
    ("charge", "refunds", List("refund")),
    ("charge", "review", Null),
    ("charge", "source", Null),
    ("charge", "source_transfer", Null),
    ("checkout.session", "customer", Null),
    ("checkout.session", "invoice", Null),
    ("checkout.session", "payment_intent", Object("payment_intent")),
    ("checkout.session", "payment_link", Null),
    ("checkout.session", "setup_intent", Null),
    ("checkout.session", "subscription", Null),
    ("dispute", "charge", Object("charge")),
    ("dispute", "payment_intent", Object("payment_intent")),
    ("payment_intent", "application", Null),
    ("payment_intent", "customer", Null),
    ("payment_intent", "latest_charge", Object("charge")),
    ("payment_intent", "on_behalf_of", Null),
    ("payment_intent", "payment_method", Object("payment_method")),
    ("payment_intent", "review", Null),
    ("payment_intent", "source", Null),
    ("payment_method", "customer", Null),
    ("refund", "balance_transaction", Null),
    ("refund", "charge", Object("charge")),
    ("refund", "payment_intent", Object("payment_intent")),
    ("refund", "source_transfer_reversal", Null),
    ("refund", "transfer_reversal", Null),
];

/// What a field of an object becomes. None: it cannot be expanded.
fn becomes(object: &str, field: &str) -> Option<Becomes> {
    let mut rows = EXPANDABLE.iter();
    rows.find(|(of, name, _)| (*of, *name) == (object, field)).map(|(_, _, becomes)| *becomes)
}

/// Refuses paths that cannot be expanded in an object of a type, before it is created or changed.
pub fn check(object: &'static str, paths: &[String]) -> Result<(), ApiError> {
    let refused = |path: &&String| {
        let mut at = Object(object);
        for step in path.split('.') {
            at = match at {
                Object(object) => match becomes(object, step) {
                    Some(next) => next,
                    None => return true,
                },
                List(object) if step == "data" => Object(object),
                List(_) => return true,
                Null => return false,
            };
        }
        false
    };
    for path in paths {
        check_depth(path)?;
    }
    paths.iter().find(refused).map_or(Ok(()), |path| Err(ApiError::cannot_expand(path)))
}

fn check_depth(path: &str) -> Result<(), ApiError> {
    if path.split('.').count() > MAXIMUM_DEPTH {
        return Err(ApiError::expanded_too_deep(path));
    }
    Ok(())
}

/// Expands the fields of an answer at some paths.
pub fn expand(
    state: &AccountState,
    mut answer: Value,
    paths: &[String],
) -> Result<Value, ApiError> {
    for path in paths {
        check_depth(path)?;
        let steps: Vec<&str> = path.split('.').collect();
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
    let of = value.get("object").and_then(Value::as_str).unwrap_or_default();
    if *step == "data" && of == "list" {
        let data = value.get_mut("data").and_then(Value::as_array_mut);
        for object in data.into_iter().flatten() {
            expand_path(state, object, rest, path)?;
        }
        return Ok(());
    }
    let refused = || ApiError::cannot_expand(path);
    let next = becomes(of, step).ok_or_else(refused)?;
    if matches!(next, List(_)) {
        include_refunds(state, value);
    }
    let field = value.get_mut(*step).ok_or_else(refused)?;
    if field.is_null() {
        return Ok(());
    }
    if let (Some(id), Object(of)) = (field.as_str(), next) {
        *field = object(state, of, id).ok_or_else(refused)?;
    }
    expand_path(state, field, rest, path)
}

/// The object of a type with an id.
fn object(state: &AccountState, of: &str, id: &str) -> Option<Value> {
    match of {
        "charge" => state.charge(id).map(Charge::json),
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
