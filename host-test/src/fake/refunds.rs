//! Refunds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Shared;
use super::api::page;
use super::error::ApiError;
use super::events::happen;
use super::params::Params;
use super::state::{Side, id};
use crate::clock::now;

/// Money that was given back.
pub struct Refund {
    /// `re_…`
    id: String,
    payment_intent: String,
    charge: String,
    amount: u64,
    currency: String,
    metadata: BTreeMap<String, String>,
    created: u64,
}

impl Refund {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": null,
            "status": "succeeded",
        })
    }
}

/// Gives a part or all of what is left back.
pub fn create(
    shared: &Shared,
    side: &mut Side,
    livemode: bool,
    mut params: Params,
) -> Result<Value, ApiError> {
    let payment_intent = params.require("payment_intent")?;
    let asked = params.number("amount")?;
    let metadata = params.map("metadata");
    params.finish()?;
    let intent = side
        .intent_mut(&payment_intent)
        .ok_or_else(|| ApiError::no_such("payment_intent", &payment_intent))?;
    let (Some(charge), true) = (intent.latest_charge.clone(), intent.received() > 0) else {
        return Err(ApiError::invalid(&format!(
            "This PaymentIntent ({payment_intent}) does not have a successful charge to refund."
        )));
    };
    let left = intent.received() - intent.refunded;
    if left == 0 {
        return Err(ApiError::already_refunded(&charge));
    }
    let amount = asked.unwrap_or(left);
    if amount == 0 || amount > left {
        return Err(ApiError::invalid(&format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        )));
    }
    intent.refunded += amount;
    let refund = Refund {
        id: id("re"),
        charge,
        payment_intent,
        amount,
        currency: intent.currency.clone(),
        metadata,
        created: now(),
    };
    let charged = intent.charge().unwrap_or_default();
    let answer = refund.json();
    side.refunds.push(refund);
    happen(shared, side, livemode, "charge.refunded", &charged);
    happen(shared, side, livemode, "refund.created", &answer);
    Ok(answer)
}

/// One of them.
pub fn get(side: &Side, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let refund = side.refunds.iter().find(|refund| refund.id == id);
    refund.map(Refund::json).ok_or_else(|| ApiError::no_such("refund", id))
}

/// Lists those of a payment, or since a time.
pub fn list(side: &Side, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let since = params.number("created[gte]")?.unwrap_or(0);
    let is_wanted = |refund: &&Refund| {
        refund.created >= since && of.as_ref().is_none_or(|of| *of == refund.payment_intent)
    };
    let refunds = side.refunds.iter().rev().filter(is_wanted).map(|r| (r.id.clone(), r.json()));
    page(refunds.collect(), "/v1/refunds", params)
}
