//! `/v1/payment_intents`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::delivery::Outbox;
use crate::error::ApiError;
use crate::objects::{PaymentIntent, PaymentMethod};
use crate::payment;
use crate::test_cards::{Outcome, TestCard};

/// The smallest amount in dollars, in cents. Source: Stripe's documentation of minimum charge amounts.
const MINIMUM_CENTS: u64 = 50;
/// The largest amount of a card payment. Source: Stripe's documentation of currencies: twelve digits.
const MAXIMUM_AMOUNT: u64 = 999_999_999_999;

/// Creates a PaymentIntent, and confirms it if the caller asks for that. `origin`: where the page is on
/// which the customer authenticates.
pub fn create(
    outbox: &Outbox,
    state: &mut AccountState,
    origin: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let amount = params.number("amount")?.ok_or_else(|| ApiError::missing_parameter("amount"))?;
    let currency = params.currency("currency")?;
    let mut intent = PaymentIntent::new(amount, currency, state.mode.livemode);
    intent.has_manual_capture = match params.take("capture_method").as_deref() {
        Some("manual") => true,
        Some("automatic" | "automatic_async") | None => false,
        Some(other) => {
            let allowed = ["automatic", "automatic_async", "manual"];
            return Err(ApiError::invalid_choice("capture_method", other, &allowed));
        }
    };
    let automatic = params.boolean("automatic_payment_methods[enabled]")?;
    params.take("automatic_payment_methods[allow_redirects]");
    let types = params.list("payment_method_types");
    if let Some(other) = types.iter().find(|kind| *kind != "card") {
        return Err(ApiError::invalid_choice("payment_method_types", other, &["card"]));
    }
    intent.has_automatic_payment_methods = automatic.unwrap_or(types.is_empty());
    intent.description = params.take("description");
    intent.receipt_email = params.take("receipt_email");
    intent.metadata = params.map("metadata");
    intent.authentication_url = format!("{origin}/c/authenticate/{}", intent.id);
    let is_confirmed = params.boolean("confirm")?.unwrap_or(false);
    let card = card_of(&mut params)?;
    intent.return_url = params.take("return_url");
    params.finish()?;
    if intent.currency == "usd" && amount < MINIMUM_CENTS || amount == 0 {
        return Err(ApiError::amount_too_small());
    }
    if amount > MAXIMUM_AMOUNT {
        return Err(ApiError::invalid(&format!("Amount must be no more than {MAXIMUM_AMOUNT}")));
    }
    if is_confirmed && card.is_none() {
        return Err(ApiError::missing_payment_method());
    }
    if let Some(card) = card {
        intent.payment_method = Some(PaymentMethod::new(card, intent.livemode));
        intent.status = "requires_confirmation";
    }
    let (id, created) = (intent.id.clone(), intent.json());
    state.intents.push(intent);
    outbox.record_event(state, "payment_intent.created", &created);
    match card {
        Some(card) if is_confirmed => attempt(outbox, state, &id, card),
        _ => Ok(created),
    }
}

/// Confirms a PaymentIntent: tries to pay it with a test card.
pub fn confirm(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let card = card_of(&mut params)?;
    let return_url = params.take("return_url");
    params.finish()?;
    let intent = intent_mut(state, id)?;
    if intent.session.is_some() {
        return Err(ApiError::unexpected_state(
            "You cannot confirm this PaymentIntent because it was created by a Checkout Session.",
        ));
    }
    let can_confirm = ["requires_payment_method", "requires_confirmation", "requires_action"];
    if !can_confirm.contains(&intent.status) {
        return Err(ApiError::unexpected_state(&format!(
            "You cannot confirm this PaymentIntent because it has already {} after being previously confirmed.",
            intent.status
        )));
    }
    let stored = intent.payment_method.as_ref().map(|method| method.card);
    let card = card.or(stored).ok_or_else(ApiError::missing_payment_method)?;
    if return_url.is_some() {
        intent.return_url = return_url;
    }
    attempt(outbox, state, id, card)
}

fn attempt(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    card: &'static TestCard,
) -> Result<Value, ApiError> {
    let outcome = payment::attempt(outbox, state, id, card);
    let intent = get(state, id, Params::new(Vec::new()))?;
    match outcome {
        Some(Outcome::Declined(decline)) => Err(ApiError::declined(decline, intent)),
        _ => Ok(intent),
    }
}

/// The test card of a request.
fn card_of(params: &mut Params) -> Result<Option<&'static TestCard>, ApiError> {
    params
        .take("payment_method")
        .map(|name| {
            TestCard::by_payment_method(&name)
                .ok_or_else(|| ApiError::unknown_payment_method(&name))
        })
        .transpose()
}

fn intent_mut<'a>(
    state: &'a mut AccountState,
    id: &str,
) -> Result<&'a mut PaymentIntent, ApiError> {
    state.intent_mut(id).ok_or_else(|| ApiError::resource_missing("payment_intent", id))
}

/// Captures an authorised PaymentIntent, or a part of it.
pub fn capture(
    outbox: &Outbox,
    state: &mut AccountState,
    id: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let amount = params.number("amount_to_capture")?;
    params.finish()?;
    let intent = intent_mut(state, id)?;
    if intent.status != "requires_capture" {
        return Err(ApiError::unexpected_state(&format!(
            "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent.status
        )));
    }
    let amount = amount.unwrap_or(intent.amount_paid);
    if amount == 0 || amount > intent.amount_paid {
        return Err(ApiError::amount_too_large(intent.amount_paid));
    }
    payment::capture(outbox, state, id, amount);
    get(state, id, Params::new(Vec::new()))
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
    let intent = intent_mut(state, id)?;
    if intent.session.is_some()
        && matches!(intent.status, "requires_payment_method" | "requires_action")
    {
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

/// Lists the PaymentIntents, or those of a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let created = params.created()?;
    let intents = state.intents.iter().rev().filter(|intent| created.contains(&intent.created));
    let intents = intents.map(|intent| (intent.id.as_str(), || intent.json()));
    list_page(intents, "payment_intent", "/v1/payment_intents", params)
}

/// Reads a PaymentIntent.
pub fn get(state: &AccountState, id: &str, params: Params) -> Result<Value, ApiError> {
    params.finish()?;
    let intent = state.intent(id);
    intent.map(PaymentIntent::json).ok_or_else(|| ApiError::resource_missing("payment_intent", id))
}
