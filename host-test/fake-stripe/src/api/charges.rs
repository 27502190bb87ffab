//! `/v1/charges`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::Charge;

/// Lists the charges, those of a PaymentIntent, or those of a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let created = params.created()?;
    let is_wanted = |charge: &&Charge| {
        created.contains(&charge.created)
            && of.as_ref().is_none_or(|of| *of == charge.payment_intent)
    };
    let charges = state.charges.iter().rev().filter(is_wanted);
    let charges = charges.map(|charge| (charge.id.as_str(), || charge.json()));
    list_page(charges, "charge", "/v1/charges", params)
}

/// Reads a charge.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    state.charge(id).map(Charge::json).ok_or_else(|| ApiError::resource_missing("charge", id))
}
