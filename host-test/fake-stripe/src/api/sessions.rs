//! `/v1/checkout/sessions`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{CheckoutSession, new_id, now};

/// Creates a Checkout Session. `origin`: where its page is.
pub fn create(
    state: &mut AccountState,
    origin: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    const PRICE_DATA: &str = "line_items[0][price_data]";
    let livemode = state.mode.livemode;
    if params.require("mode")? != "payment" {
        return Err(ApiError::invalid("This account can only use the mode `payment`."));
    }
    let quantity = params.number("line_items[0][quantity]")?.unwrap_or(1);
    let currency = params.currency(&format!("{PRICE_DATA}[currency]"))?;
    let unit_amount = params
        .number(&format!("{PRICE_DATA}[unit_amount]"))?
        .ok_or_else(|| ApiError::missing_parameter("line_items[0][price_data][unit_amount]"))?;
    let name = params.require(&format!("{PRICE_DATA}[product_data][name]"))?;
    let prefix = if livemode { "cs_live" } else { "cs_test" };
    let id = new_id(prefix);
    let session = CheckoutSession {
        url: format!("{origin}/c/pay/{id}"),
        id,
        amount: unit_amount.saturating_mul(quantity),
        currency,
        name,
        status: "open",
        is_paid: false,
        payment_intent: None,
        success_url: params.require("success_url")?,
        cancel_url: params.take("cancel_url"),
        customer_email: params.take("customer_email"),
        intent_description: params.take("payment_intent_data[description]"),
        client_reference_id: params.take("client_reference_id"),
        intent_metadata: params.map("payment_intent_data[metadata]"),
        has_manual_capture: params.take("payment_intent_data[capture_method]").as_deref()
            == Some("manual"),
        metadata: params.map("metadata"),
        created: now(),
        expires_at: params.number("expires_at")?.unwrap_or(now() + 24 * 3600),
        livemode,
    };
    // Cards are all that the page takes.
    params.list("payment_method_types");
    params.finish()?;
    // <https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at>
    if !(30 * 60..=24 * 3600).contains(&session.expires_at.saturating_sub(session.created)) {
        return Err(ApiError::invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
        ));
    }
    if session.currency == "usd" && session.amount < 50 {
        return Err(ApiError::invalid(
            "The Checkout Session's total amount must convert to at least 50 cents.",
        ));
    }
    let answer = session.json();
    state.sessions.push(session);
    Ok(answer)
}

/// Expires a Checkout Session, and cancels its PaymentIntent.
pub fn expire(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    params: Params,
) -> Result<Value, ApiError> {
    params.finish()?;
    let session =
        state.session_mut(id).ok_or_else(|| ApiError::resource_missing("checkout.session", id))?;
    if session.status != "open" {
        return Err(ApiError::invalid(&format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
            session.status
        )));
    }
    expire_open(outbox, state, id).ok_or_else(|| ApiError::resource_missing("checkout.session", id))
}

/// Expires every open Checkout Session whose time is over, as Stripe does by itself.
pub fn expire_overdue(outbox: &Outbox, state: &mut AccountState) {
    let is_overdue =
        |session: &&CheckoutSession| session.status == "open" && session.expires_at <= now();
    let overdue = state.sessions.iter().filter(is_overdue).map(|session| session.id.clone());
    for id in overdue.collect::<Vec<_>>() {
        expire_open(outbox, state, &id);
    }
}

/// Expires an open Checkout Session, and cancels its PaymentIntent. None: there is no such session.
fn expire_open(outbox: &Outbox, state: &mut AccountState, id: &str) -> Option<Value> {
    let session = state.session_mut(id)?;
    session.status = "expired";
    let (expired, intent) = (session.json(), session.payment_intent.clone());
    let intent = intent.and_then(|id| state.intent_mut(&id));
    let canceled = intent.and_then(|i| i.cancel("automatic").then(|| i.json()));
    outbox.record_event(state, "checkout.session.expired", &expired);
    if let Some(canceled) = canceled {
        outbox.record_event(state, "payment_intent.canceled", &canceled);
    }
    Some(expired)
}

/// Lists the Checkout Sessions, those of a PaymentIntent, those with a status, or those of a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let of = params.take("payment_intent");
    let created = params.created()?;
    let status = params.take("status");
    let is_wanted = |session: &&CheckoutSession| {
        created.contains(&session.created)
            && (of.is_none() || session.payment_intent == of)
            && status.as_ref().is_none_or(|status| status == session.status)
    };
    let sessions =
        state.sessions.iter().rev().filter(is_wanted).map(|s| (s.id.as_str(), || s.json()));
    list_page(sessions, "checkout.session", "/v1/checkout/sessions", params)
}

/// Reads a Checkout Session.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let session = state.session(id);
    session
        .map(CheckoutSession::json)
        .ok_or_else(|| ApiError::resource_missing("checkout.session", id))
}
