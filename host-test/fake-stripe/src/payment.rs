//! What becomes of a PaymentIntent when somebody tries to pay it.

use serde_json::{Value, json};

use crate::account::AccountState;
use crate::api::disputes;
use crate::delivery::Outbox;
use crate::objects::{Charge, PaymentMethod};
use crate::test_cards::{Outcome, TestCard};

/// Tries to pay a PaymentIntent with a card. None: there is no such PaymentIntent.
pub fn attempt(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    card: &'static TestCard,
) -> Option<Outcome> {
    let livemode = state.mode.livemode;
    let intent = state.intent_mut(intent_id)?;
    let method = PaymentMethod::new(card, livemode);
    intent.payment_method = Some(method.clone());
    match card.outcome {
        Outcome::Paid => succeed(outbox, state, intent_id)?,
        Outcome::PaidInPart => {
            intent.pay_in_part();
            succeed(outbox, state, intent_id)?;
        }
        Outcome::PaidInOtherCurrency => {
            intent.pay_in_other_currency();
            succeed(outbox, state, intent_id)?;
        }
        Outcome::Disputed => {
            succeed(outbox, state, intent_id)?;
            disputes::open(outbox, state, intent_id, "fraudulent");
        }
        Outcome::Declined(decline) => {
            let charge = Charge::declined(intent, method, decline);
            intent.latest_charge = Some(charge.id.clone());
            let mut error = decline.json();
            add(&mut error, "charge", charge.id.as_str().into());
            state.charges.push(charge);
            fail(outbox, state, intent_id, error)?;
        }
        Outcome::HasVoucher => issue_voucher(outbox, state, intent_id)?,
        Outcome::RequiresAuthentication => {
            intent.status = "requires_action";
            intent.last_payment_error = None;
            let waiting = intent.json();
            outbox.record_event(state, "payment_intent.requires_action", &waiting);
        }
    }
    Some(card.outcome)
}

/// Answers the bank's authentication: whether it is paid then. None: the bank does not ask.
pub fn authenticate(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    succeeds: bool,
) -> Option<()> {
    if state.intent(intent_id)?.status != "requires_action" {
        return None;
    }
    if succeeds {
        return succeed(outbox, state, intent_id);
    }
    let error = json!({
        "type": "card_error",
        "code": "payment_intent_authentication_failure",
        "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
        "message": "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
    });
    fail(outbox, state, intent_id, error)
}

/// Issues a voucher: the session is complete, and nothing is paid yet.
fn issue_voucher(outbox: &Outbox, state: &mut AccountState, intent_id: &str) -> Option<()> {
    let session_id = state.intent(intent_id)?.session.clone()?;
    let page = state.session(&session_id)?.url.clone();
    let intent = state.intent_mut(intent_id)?;
    intent.status = "requires_action";
    intent.voucher_url = Some(format!("{page}/voucher"));
    intent.last_payment_error = None;
    let waiting = intent.json();
    let session = state.session_mut(&session_id)?;
    session.status = "complete";
    session.is_paid = false;
    let complete = session.json();
    outbox.record_event(state, "payment_intent.requires_action", &waiting);
    outbox.record_event(state, "checkout.session.completed", &complete);
    Some(())
}

/// Pays a voucher, or lets it expire. None: there is no voucher to pay.
pub fn settle_voucher(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    is_paid: bool,
) -> Option<()> {
    let intent = state.intent(intent_id)?;
    if intent.status != "requires_action" || intent.voucher_url.is_none() {
        return None;
    }
    if is_paid {
        return succeed(outbox, state, intent_id);
    }
    let session_id = intent.session.clone()?;
    let error = json!({
        "type": "invalid_request_error",
        "code": "payment_intent_payment_attempt_expired",
        "doc_url": "https://stripe.com/docs/error-codes/payment-intent-payment-attempt-expired",
        "message": "The payment attempt for this PaymentIntent has expired.",
    });
    fail(outbox, state, intent_id, error)?;
    let failed = state.session(&session_id)?.json();
    outbox.record_event(state, "checkout.session.async_payment_failed", &failed);
    Some(())
}

/// The bank has not decided yet.
pub fn process(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    card: &'static TestCard,
) -> Option<()> {
    let method = PaymentMethod::new(card, state.mode.livemode);
    let intent = state.intent_mut(intent_id)?;
    intent.payment_method = Some(method.clone());
    intent.status = "processing";
    let charge = Charge::pending(intent, method);
    intent.latest_charge = Some(charge.id.clone());
    let processing = intent.json();
    state.charges.push(charge);
    outbox.record_event(state, "payment_intent.processing", &processing);
    Some(())
}

/// Captures an amount of an authorised PaymentIntent.
pub fn capture(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    amount: u64,
) -> Option<()> {
    let intent = state.intent_mut(intent_id)?;
    intent.amount_paid = amount;
    intent.status = "succeeded";
    let (captured, charge) = (intent.json(), intent.latest_charge.clone()?);
    state.charge_mut(&charge)?.amount_captured = amount;
    outbox.record_event(state, "payment_intent.succeeded", &captured);
    Some(())
}

/// A card that was tried is asked for again, with the reason.
fn fail(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    mut error: Value,
) -> Option<()> {
    let intent = state.intent_mut(intent_id)?;
    intent.status = "requires_payment_method";
    if let Some(method) = intent.payment_method.take() {
        add(&mut error, "payment_method", method.json());
    }
    intent.last_payment_error = Some(error);
    let failed = intent.json();
    outbox.record_event(state, "payment_intent.payment_failed", &failed);
    Some(())
}

fn succeed(outbox: &Outbox, state: &mut AccountState, intent_id: &str) -> Option<()> {
    let intent = state.intent_mut(intent_id)?;
    let mut charge = Charge::authorised(intent, intent.payment_method.clone()?);
    let event_type = if intent.has_manual_capture {
        intent.status = "requires_capture";
        "payment_intent.amount_capturable_updated"
    } else {
        intent.status = "succeeded";
        charge.amount_captured = intent.amount_paid;
        "payment_intent.succeeded"
    };
    intent.latest_charge = Some(charge.id.clone());
    intent.last_payment_error = None;
    let (paid, session_id) = (intent.json(), intent.session.clone());
    state.charges.push(charge);
    let session = session_id.and_then(|id| state.session_mut(&id));
    let session_event = session.map(|session| {
        // A voucher was issued: the session is complete already.
        let event_type = match session.status {
            "complete" => "checkout.session.async_payment_succeeded",
            _ => "checkout.session.completed",
        };
        session.status = "complete";
        session.is_paid = true;
        (event_type, session.json())
    });
    outbox.record_event(state, event_type, &paid);
    if let Some((event_type, session)) = session_event {
        outbox.record_event(state, event_type, &session);
    }
    Some(())
}

fn add(error: &mut Value, field: &str, value: Value) {
    if let Some(error) = error.as_object_mut() {
        error.insert(field.to_owned(), value);
    }
}
