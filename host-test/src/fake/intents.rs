//! PaymentIntents, and what each test card does to one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Shared;
use super::api::page;
use super::checkout::Session;
use super::disputes;
use super::error::ApiError;
use super::events::happen;
use super::params::Params;
use super::state::{Realm, Side, id};
use crate::clock::now;
use crate::json::set;

/// A payment from the customer's first attempt on.
pub struct Intent {
    /// `pi_…`
    pub id: String,
    amount: u64,
    /// Lower case.
    pub currency: String,
    status: &'static str,
    last_payment_error: Option<Value>,
    /// `ch_…`, once the customer has tried.
    pub latest_charge: Option<String>,
    /// What has been given back.
    pub refunded: u64,
    /// Whether the customer has objected to it.
    pub is_disputed: bool,
    is_captured_by_hand: bool,
    cancellation_reason: Option<String>,
    metadata: BTreeMap<String, String>,
    created: u64,
    livemode: bool,
    /// The page on which the customer authenticates.
    authentication_url: String,
}

/// What the customer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is paid.
    Paid,
    /// It is paid, and the customer objects to it at once.
    Disputed,
    /// This attempt failed.
    Declined,
    /// The bank wants to know who it is.
    MustAuthenticate,
}

/// What the bank says to a card.
fn ask_bank(card: &str) -> Outcome {
    let digits: String = card.chars().filter(char::is_ascii_digit).collect();
    match digits.as_str() {
        "4242424242424242" => Outcome::Paid,
        "4000000000000259" => Outcome::Disputed,
        "4000002500003155" => Outcome::MustAuthenticate,
        // 4000000000000002, and every card that is none.
        _ => Outcome::Declined,
    }
}

impl Intent {
    fn for_session(session: &Session, livemode: bool, origin: &str) -> Self {
        Self {
            id: id("pi"),
            amount: session.amount,
            currency: session.currency.clone(),
            status: "requires_payment_method",
            last_payment_error: None,
            latest_charge: None,
            refunded: 0,
            is_disputed: false,
            is_captured_by_hand: session.is_captured_by_hand,
            cancellation_reason: None,
            metadata: session.intent_metadata.clone(),
            created: now(),
            livemode,
            authentication_url: format!("{origin}/c/pay/{}", session.id),
        }
    }

    /// What has been received.
    pub fn received(&self) -> u64 {
        if self.status == "succeeded" { self.amount } else { 0 }
    }

    fn is_authorised(&self) -> bool {
        matches!(self.status, "succeeded" | "requires_capture")
    }

    /// Until when it can be captured. Stripe gives seven days for most cards.
    fn capture_before(&self) -> Option<u64> {
        (self.status == "requires_capture").then_some(self.created + 7 * 86_400)
    }

    /// The last attempt to charge the card, if there was one.
    pub fn charge(&self) -> Option<Value> {
        Some(json!({
            "id": self.latest_charge.as_ref()?,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.received(),
            "amount_refunded": self.refunded,
            "captured": self.received() > 0,
            "disputed": self.is_disputed,
            "currency": self.currency,
            "created": self.created,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "status": if self.is_authorised() { "succeeded" } else { "failed" },
            "paid": self.is_authorised(),
            "payment_method_details": {
                "card": { "capture_before": self.capture_before() },
                "type": "card",
            },
            "payment_intent": self.id,
            "refunded": self.refunded > 0 && self.refunded == self.received(),
        }))
    }

    /// As the API and the events say it.
    pub fn json(&self, with_charge: bool) -> Value {
        let next_action = (self.status == "requires_action").then(|| {
            json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": self.authentication_url, "return_url": null },
            })
        });
        let latest_charge = if with_charge { self.charge() } else { None };
        let latest_charge = latest_charge.unwrap_or_else(|| json!(self.latest_charge));
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": if self.status == "requires_capture" { self.amount } else { 0 },
            "amount_received": self.received(),
            "canceled_at": null,
            "cancellation_reason": self.cancellation_reason,
            "capture_method":
                if self.is_captured_by_hand { "manual" } else { "automatic_async" },
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "last_payment_error": self.last_payment_error,
            "latest_charge": latest_charge,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "next_action": next_action,
            "payment_method_types": ["card"],
            "status": self.status,
        })
    }

    /// Ends it without payment. False: it is over.
    pub fn cancel(&mut self, reason: &str) -> bool {
        let is_open = !matches!(self.status, "succeeded" | "canceled" | "processing");
        if is_open {
            self.status = "canceled";
            self.cancellation_reason = Some(reason.to_owned());
        }
        is_open
    }

    fn fail(&mut self, code: &str, decline_code: Option<&str>, message: &str) {
        self.status = "requires_payment_method";
        let mut error = json!({ "type": "card_error", "code": code, "message": message });
        if let Some(decline_code) = decline_code {
            set(&mut error, "decline_code", decline_code);
        }
        self.last_payment_error = Some(error);
    }
}

/// The customer gives a card on the session's page.
pub fn confirm(shared: &Shared, realm: Realm, session_id: &str, card: &str) -> Option<Outcome> {
    let livemode = realm.livemode;
    let mut state = shared.state();
    let side = state.side_mut(realm);
    let session = side.session_mut(session_id)?;
    let intent_id = if let Some(id) = &session.intent {
        id.clone()
    } else {
        let intent = Intent::for_session(session, livemode, &shared.origin);
        let id = intent.id.clone();
        session.intent = Some(id.clone());
        let created = intent.json(false);
        side.intents.push(intent);
        happen(shared, side, livemode, "payment_intent.created", &created);
        id
    };
    let outcome = ask_bank(card);
    let intent = side.intent_mut(&intent_id)?;
    intent.latest_charge = Some(id("ch"));
    match outcome {
        Outcome::Paid => succeed(shared, side, livemode, session_id, &intent_id)?,
        Outcome::Disputed => {
            succeed(shared, side, livemode, session_id, &intent_id)?;
            disputes::open(shared, side, livemode, &intent_id)?;
        }
        Outcome::Declined => {
            let why = ("card_declined", Some("generic_decline"), "Your card was declined.");
            decline(shared, side, &intent_id, why)?;
        }
        Outcome::MustAuthenticate => {
            intent.status = "requires_action";
            intent.last_payment_error = None;
            let waiting = intent.json(false);
            happen(shared, side, livemode, "payment_intent.requires_action", &waiting);
        }
    }
    Some(outcome)
}

/// The customer answers the bank's question.
pub fn authenticate(
    shared: &Shared,
    realm: Realm,
    session_id: &str,
    succeeds: bool,
) -> Option<Outcome> {
    let livemode = realm.livemode;
    let mut state = shared.state();
    let side = state.side_mut(realm);
    let intent_id = side.session_mut(session_id)?.intent.clone()?;
    let intent = side.intent_mut(&intent_id)?;
    if intent.status != "requires_action" {
        return None;
    }
    if succeeds {
        succeed(shared, side, livemode, session_id, &intent_id)?;
        return Some(Outcome::Paid);
    }
    let message = "We are unable to authenticate your payment method. Please choose a different payment method and try again.";
    let why = ("payment_intent_authentication_failure", None, message);
    decline(shared, side, &intent_id, why)?;
    Some(Outcome::Declined)
}

/// An attempt that failed, and is told.
fn decline(
    shared: &Shared,
    side: &mut Side,
    intent_id: &str,
    why: (&str, Option<&str>, &str),
) -> Option<()> {
    let (code, decline_code, message) = why;
    let intent = side.intent_mut(intent_id)?;
    intent.fail(code, decline_code, message);
    let (livemode, failed) = (intent.livemode, intent.json(false));
    happen(shared, side, livemode, "payment_intent.payment_failed", &failed);
    Some(())
}

fn succeed(
    shared: &Shared,
    side: &mut Side,
    livemode: bool,
    session_id: &str,
    intent_id: &str,
) -> Option<()> {
    let intent = side.intent_mut(intent_id)?;
    let (status, kind) = if intent.is_captured_by_hand {
        ("requires_capture", "payment_intent.amount_capturable_updated")
    } else {
        ("succeeded", "payment_intent.succeeded")
    };
    intent.status = status;
    intent.last_payment_error = None;
    let paid = intent.json(false);
    let session = side.session_mut(session_id)?;
    session.status = "complete";
    let complete = session.json();
    happen(shared, side, livemode, kind, &paid);
    happen(shared, side, livemode, "checkout.session.completed", &complete);
    Some(())
}

/// Takes the money of one that is authorised.
pub fn capture(
    shared: &Shared,
    side: &mut Side,
    livemode: bool,
    id: &str,
    params: Params,
) -> Result<Value, ApiError> {
    params.finish()?;
    let intent = side.intent_mut(id).ok_or_else(|| ApiError::no_such("payment_intent", id))?;
    if intent.status != "requires_capture" {
        return Err(ApiError::unexpected_state(&format!(
            "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent.status
        )));
    }
    intent.status = "succeeded";
    let captured = intent.json(false);
    happen(shared, side, livemode, "payment_intent.succeeded", &captured);
    Ok(captured)
}

/// Cancels one. While its page is open, only the page can be closed.
pub fn cancel(
    shared: &Shared,
    side: &mut Side,
    livemode: bool,
    id: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let reason = params.take("cancellation_reason");
    params.finish()?;
    let has_open_page = side
        .sessions
        .iter()
        .any(|session| session.status == "open" && session.intent.as_deref() == Some(id));
    let intent = side.intent_mut(id).ok_or_else(|| ApiError::no_such("payment_intent", id))?;
    if has_open_page {
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
    let canceled = intent.json(false);
    happen(shared, side, livemode, "payment_intent.canceled", &canceled);
    Ok(canceled)
}

pub fn list(side: &Side, params: Params) -> Result<Value, ApiError> {
    let intents = side.intents.iter().rev().map(|i| (i.id.clone(), i.json(false))).collect();
    page(intents, "/v1/payment_intents", params)
}

pub fn list_charges(side: &Side, params: Params) -> Result<Value, ApiError> {
    let charge = |intent: &Intent| Some((intent.latest_charge.clone()?, intent.charge()?));
    page(side.intents.iter().rev().filter_map(charge).collect(), "/v1/charges", params)
}

pub fn get(side: &Side, id: &str, params: Params) -> Result<Value, ApiError> {
    let expand = expansions(params)?;
    let with_charge = expand.iter().any(|path| path == "latest_charge");
    side.intents
        .iter()
        .find(|intent| intent.id == id)
        .map(|intent| intent.json(with_charge))
        .ok_or_else(|| ApiError::no_such("payment_intent", id))
}

/// What an answer shall hold whole.
pub fn expansions(mut params: Params) -> Result<Vec<String>, ApiError> {
    let expand = params.list("expand");
    params.finish()?;
    Ok(expand)
}
