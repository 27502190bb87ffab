//! Checkout Sessions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Shared;
use super::api::page;
use super::error::ApiError;
use super::events::happen;
use super::intents::expansions;
use super::params::Params;
use super::state::{Side, id};
use crate::clock::now;
use crate::json::set;

/// The page on which a customer pays.
pub struct Session {
    /// `cs_…`
    pub id: String,
    /// What it costs.
    pub amount: u64,
    /// Lower case.
    pub currency: String,
    /// What the customer reads.
    pub name: String,
    /// `open`, `complete` or `expired`.
    pub status: &'static str,
    /// `pi_…`, once the customer has tried.
    pub intent: Option<String>,
    /// Where the customer goes after paying.
    pub success_url: String,
    /// The PaymentIntent's.
    pub intent_metadata: BTreeMap<String, String>,
    /// Whether the money is only authorised.
    pub is_captured_by_hand: bool,
    cancel_url: Option<String>,
    client_reference_id: Option<String>,
    metadata: BTreeMap<String, String>,
    created: u64,
    expires_at: u64,
    livemode: bool,
    url: String,
}

impl Session {
    /// As the API says it.
    pub fn json(&self) -> Value {
        let is_open = self.status == "open";
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": self.amount,
            "amount_total": self.amount,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "expires_at": self.expires_at,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.intent,
            "payment_method_types": ["card"],
            "payment_status": if self.status == "complete" { "paid" } else { "unpaid" },
            "status": self.status,
            "success_url": self.success_url,
            "ui_mode": "hosted_page",
            "url": is_open.then_some(&self.url),
        })
    }
}

pub fn create(
    side: &mut Side,
    livemode: bool,
    origin: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    const ITEM: &str = "line_items[0][price_data]";
    if params.require("mode")? != "payment" {
        return Err(ApiError::invalid("This account can only use the mode `payment`."));
    }
    let quantity = params.number("line_items[0][quantity]")?.unwrap_or(1);
    let currency = params.require(&format!("{ITEM}[currency]"))?;
    let unit_amount = params
        .number(&format!("{ITEM}[unit_amount]"))?
        .ok_or_else(|| ApiError::missing_parameter("line_items[0][price_data][unit_amount]"))?;
    let name = params.require(&format!("{ITEM}[product_data][name]"))?;
    let prefix = if livemode { "cs_live" } else { "cs_test" };
    let id = id(prefix);
    let session = Session {
        url: format!("{origin}/c/pay/{id}"),
        id,
        amount: unit_amount.saturating_mul(quantity),
        currency,
        name,
        status: "open",
        intent: None,
        success_url: params.require("success_url")?,
        cancel_url: params.take("cancel_url"),
        client_reference_id: params.take("client_reference_id"),
        intent_metadata: params.map("payment_intent_data[metadata]"),
        is_captured_by_hand: params.take("payment_intent_data[capture_method]").as_deref()
            == Some("manual"),
        metadata: params.map("metadata"),
        created: now(),
        expires_at: params.number("expires_at")?.unwrap_or(now() + 24 * 3600),
        livemode,
    };
    params.finish()?;
    if session.currency == "usd" && session.amount < 50 {
        return Err(ApiError::invalid(
            "The Checkout Session's total amount must convert to at least 50 cents.",
        ));
    }
    let answer = session.json();
    side.sessions.push(session);
    Ok(answer)
}

/// Closes a page, and cancels its PaymentIntent with it.
pub fn expire(
    shared: &Shared,
    side: &mut Side,
    livemode: bool,
    id: &str,
    params: Params,
) -> Result<Value, ApiError> {
    params.finish()?;
    let session = side.session_mut(id).ok_or_else(|| ApiError::no_such("checkout.session", id))?;
    if session.status != "open" {
        return Err(ApiError::invalid(&format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
            session.status
        )));
    }
    session.status = "expired";
    let (expired, intent) = (session.json(), session.intent.clone());
    let intent = intent.and_then(|id| side.intent_mut(&id));
    let canceled = intent.and_then(|i| i.cancel("automatic").then(|| i.json(false)));
    happen(shared, side, livemode, "checkout.session.expired", &expired);
    if let Some(canceled) = canceled {
        happen(shared, side, livemode, "payment_intent.canceled", &canceled);
    }
    Ok(expired)
}

/// Lists them, or those of a PaymentIntent, or since a time.
pub fn list(side: &Side, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let since = params.number("created[gte]")?.unwrap_or(0);
    let is_wanted =
        |session: &&Session| session.created >= since && (of.is_none() || session.intent == of);
    let sessions = side.sessions.iter().rev().filter(is_wanted).map(|s| (s.id.clone(), s.json()));
    page(sessions.collect(), "/v1/checkout/sessions", params)
}

pub fn get(side: &Side, id: &str, params: Params) -> Result<Value, ApiError> {
    let expand = expansions(params)?;
    let session = side
        .sessions
        .iter()
        .find(|session| session.id == id)
        .ok_or_else(|| ApiError::no_such("checkout.session", id))?;
    let mut answer = session.json();
    let intent = side.intents.iter().find(|intent| Some(&intent.id) == session.intent.as_ref());
    if let Some(intent) = intent {
        if expand.iter().any(|path| path == "payment_intent.latest_charge") {
            set(&mut answer, "payment_intent", intent.json(true));
        } else if expand.iter().any(|path| path == "payment_intent") {
            set(&mut answer, "payment_intent", intent.json(false));
        }
    }
    Ok(answer)
}
