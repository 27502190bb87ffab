//! `/v1/disputes`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::Dispute;

/// Lists the disputes, or those of a PaymentIntent.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let is_wanted = |dispute: &&Dispute| of.as_ref().is_none_or(|of| *of == dispute.payment_intent);
    let disputes = state.disputes.iter().rev().filter(is_wanted).map(|d| (d.id.clone(), d.json()));
    list_page(disputes.collect(), "/v1/disputes", params)
}
