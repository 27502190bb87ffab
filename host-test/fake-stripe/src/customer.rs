//! What a customer does on the page of a Checkout Session, and how each test card behaves.

use serde_json::json;

use crate::account::{AccountMode, AccountState};
use crate::api::disputes;
use crate::delivery::Outbox;
use crate::objects::{PaymentIntent, new_id};
use crate::server::Server;

/// The result of an attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is paid.
    Paid,
    /// It is paid, and disputed at once.
    Disputed,
    /// A part of it is paid.
    PaidInPart,
    /// It is paid in another currency.
    PaidInOtherCurrency,
    /// It is declined.
    Declined,
    /// The bank asks for authentication.
    RequiresAuthentication,
    /// The customer has a voucher, to pay it elsewhere.
    HasVoucher,
}

/// How a card behaves.
fn outcome_of(card: &str) -> Outcome {
    match card {
        "voucher" => return Outcome::HasVoucher,
        "short" => return Outcome::PaidInPart,
        "euro" => return Outcome::PaidInOtherCurrency,
        _ => {}
    }
    let digits: String = card.chars().filter(char::is_ascii_digit).collect();
    match digits.as_str() {
        "4242424242424242" => Outcome::Paid,
        "4000000000000259" => Outcome::Disputed,
        "4000002500003155" => Outcome::RequiresAuthentication,
        // 4000000000000002, and every other number.
        _ => Outcome::Declined,
    }
}

/// Pays a Checkout Session with a card. None: there is no such session.
pub fn pay(server: &Server, mode: AccountMode, session_id: &str, card: &str) -> Option<Outcome> {
    let outbox = &server.outbox;
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    let session = state.session_mut(session_id)?;
    let intent_id = if let Some(id) = &session.payment_intent {
        id.clone()
    } else {
        let intent = PaymentIntent::of_session(session);
        let (id, created) = (intent.id.clone(), intent.json());
        session.payment_intent = Some(id.clone());
        state.intents.push(intent);
        outbox.record_event(state, "payment_intent.created", &created);
        id
    };
    let outcome = outcome_of(card);
    let intent = state.intent_mut(&intent_id)?;
    intent.latest_charge = Some(new_id("ch"));
    match outcome {
        Outcome::Paid => succeed(outbox, state, session_id, &intent_id)?,
        Outcome::PaidInPart => {
            intent.pay_in_part();
            succeed(outbox, state, session_id, &intent_id)?;
        }
        Outcome::PaidInOtherCurrency => {
            intent.pay_in_other_currency();
            succeed(outbox, state, session_id, &intent_id)?;
        }
        Outcome::Disputed => {
            succeed(outbox, state, session_id, &intent_id)?;
            disputes::open(outbox, state, &intent_id);
        }
        Outcome::Declined => {
            let error = json!({
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "generic_decline",
                "message": "Your card was declined.",
            });
            fail(outbox, state, &intent_id, error)?;
        }
        Outcome::HasVoucher => issue_voucher(outbox, state, session_id, &intent_id)?,
        Outcome::RequiresAuthentication => {
            intent.status = "requires_action";
            intent.last_payment_error = None;
            let waiting = intent.json();
            outbox.record_event(state, "payment_intent.requires_action", &waiting);
        }
    }
    Some(outcome)
}

/// Issues a voucher: the session is complete, and nothing is paid yet.
fn issue_voucher(
    outbox: &Outbox,
    state: &mut AccountState,
    session_id: &str,
    intent_id: &str,
) -> Option<()> {
    let page = state.session_mut(session_id)?.url.clone();
    let intent = state.intent_mut(intent_id)?;
    intent.status = "requires_action";
    intent.voucher_url = Some(format!("{page}/voucher"));
    intent.last_payment_error = None;
    let waiting = intent.json();
    let session = state.session_mut(session_id)?;
    session.status = "complete";
    session.is_paid = false;
    let complete = session.json(None);
    outbox.record_event(state, "payment_intent.requires_action", &waiting);
    outbox.record_event(state, "checkout.session.completed", &complete);
    Some(())
}

/// Pays a voucher, or lets it expire. None: there is no voucher to pay.
pub fn settle_voucher(
    server: &Server,
    mode: AccountMode,
    session_id: &str,
    is_paid: bool,
) -> Option<Outcome> {
    let outbox = &server.outbox;
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    let intent_id = state.session_mut(session_id)?.payment_intent.clone()?;
    let intent = state.intent_mut(&intent_id)?;
    if intent.status != "requires_action" || intent.voucher_url.is_none() {
        return None;
    }
    if is_paid {
        succeed(outbox, state, session_id, &intent_id)?;
        return Some(Outcome::Paid);
    }
    let error = json!({
        "type": "invalid_request_error",
        "code": "payment_intent_payment_attempt_expired",
        "message": "The payment attempt for this PaymentIntent has expired.",
    });
    fail(outbox, state, &intent_id, error)?;
    let failed = state.session_mut(session_id)?.json(None);
    outbox.record_event(state, "checkout.session.async_payment_failed", &failed);
    Some(Outcome::Declined)
}

/// Answers the bank's authentication. None: the bank does not ask.
pub fn authenticate(
    server: &Server,
    mode: AccountMode,
    session_id: &str,
    succeeds: bool,
) -> Option<Outcome> {
    let outbox = &server.outbox;
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    let intent_id = state.session_mut(session_id)?.payment_intent.clone()?;
    if state.intent_mut(&intent_id)?.status != "requires_action" {
        return None;
    }
    if succeeds {
        succeed(outbox, state, session_id, &intent_id)?;
        return Some(Outcome::Paid);
    }
    let error = json!({
        "type": "card_error",
        "code": "payment_intent_authentication_failure",
        "message": "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
    });
    fail(outbox, state, &intent_id, error)?;
    Some(Outcome::Declined)
}

fn fail(
    outbox: &Outbox,
    state: &mut AccountState,
    intent_id: &str,
    error: serde_json::Value,
) -> Option<()> {
    let intent = state.intent_mut(intent_id)?;
    intent.status = "requires_payment_method";
    intent.last_payment_error = Some(error);
    let failed = intent.json();
    outbox.record_event(state, "payment_intent.payment_failed", &failed);
    Some(())
}

fn succeed(
    outbox: &Outbox,
    state: &mut AccountState,
    session_id: &str,
    intent_id: &str,
) -> Option<()> {
    let intent = state.intent_mut(intent_id)?;
    let (status, event_type) = if intent.has_manual_capture {
        ("requires_capture", "payment_intent.amount_capturable_updated")
    } else {
        ("succeeded", "payment_intent.succeeded")
    };
    intent.status = status;
    intent.last_payment_error = None;
    let paid = intent.json();
    let session = state.session_mut(session_id)?;
    // A voucher was issued: the session is complete already.
    let session_event = match session.status {
        "complete" => "checkout.session.async_payment_succeeded",
        _ => "checkout.session.completed",
    };
    session.status = "complete";
    session.is_paid = true;
    let complete = session.json(None);
    outbox.record_event(state, event_type, &paid);
    outbox.record_event(state, session_event, &complete);
    Some(())
}
