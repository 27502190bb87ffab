//! The accounts: each has a test and a live mode, which share nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::Value;

use crate::error::ApiError;
use crate::objects::{
    Cause, Charge, CheckoutSession, Dispute, Event, EventDestination, PaymentIntent, Refund,
    WebhookEndpoint, now,
};

/// The account of most keys.
pub const FIRST_ACCOUNT: &str = "acct_1FakeStripeAccount";
/// The account of a key with `SecondAccount` in it.
pub const SECOND_ACCOUNT: &str = "acct_1FakeStripeSecond";

/// How long events are kept, in seconds. Source: Stripe's documentation of "List all events".
const EVENT_LIFETIME: u64 = 30 * 86_400;

/// One of the two modes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountMode {
    /// `acct_…`
    pub account: &'static str,
    /// Whether it is live mode.
    pub livemode: bool,
}

impl AccountMode {
    /// A mode of the first account.
    pub fn of_first_account(livemode: bool) -> Self {
        Self { account: FIRST_ACCOUNT, livemode }
    }
}

/// The state of one mode of an account. Lists are in the order of creation.
pub struct AccountState {
    /// Which account and mode.
    pub mode: AccountMode,
    /// Whether the account can charge in this mode.
    pub can_charge: bool,
    /// Event destinations that were created with version 2 of the API.
    pub destinations: Vec<EventDestination>,
    /// Webhook endpoints.
    pub endpoints: Vec<WebhookEndpoint>,
    /// Checkout Sessions.
    pub sessions: Vec<CheckoutSession>,
    /// PaymentIntents.
    pub intents: Vec<PaymentIntent>,
    /// Charges.
    pub charges: Vec<Charge>,
    /// Disputes.
    pub disputes: Vec<Dispute>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// Whether new refunds fail.
    pub refunds_fail: bool,
    /// Events of the last 30 days.
    pub events: VecDeque<Event>,
    /// The answers that were given to idempotency keys.
    pub replays: HashMap<String, Replay>,
    /// The request that is being carried out. None: what happens has another reason.
    pub cause: Option<Cause>,
}

/// A stored answer to an idempotency key.
pub struct Replay {
    /// Path and body of the request.
    pub request: (String, Vec<u8>),
    /// The answer, as JSON: as a value it takes five times the memory, which a long simulation needs.
    pub answer: Result<String, ApiError>,
    /// The id of the request that was answered: `req_…`
    pub request_id: String,
}

impl Replay {
    /// The answer again.
    pub fn answer(&self) -> Result<Value, ApiError> {
        self.answer.clone().map(|text| serde_json::from_str(&text).unwrap_or_default())
    }
}

impl AccountState {
    fn new(mode: AccountMode) -> Self {
        Self {
            mode,
            can_charge: true,
            destinations: Vec::new(),
            endpoints: Vec::new(),
            sessions: Vec::new(),
            intents: Vec::new(),
            charges: Vec::new(),
            disputes: Vec::new(),
            refunds: Vec::new(),
            refunds_fail: false,
            events: VecDeque::new(),
            replays: HashMap::new(),
            cause: None,
        }
    }

    /// A PaymentIntent. Most requests are about a new one.
    pub fn intent(&self, id: &str) -> Option<&PaymentIntent> {
        self.intents.iter().rev().find(|intent| intent.id == id)
    }

    /// A PaymentIntent, to change it.
    pub fn intent_mut(&mut self, id: &str) -> Option<&mut PaymentIntent> {
        self.intents.iter_mut().rev().find(|intent| intent.id == id)
    }

    /// A charge. Most requests are about a new one.
    pub fn charge(&self, id: &str) -> Option<&Charge> {
        self.charges.iter().rev().find(|charge| charge.id == id)
    }

    /// A charge, to change it.
    pub fn charge_mut(&mut self, id: &str) -> Option<&mut Charge> {
        self.charges.iter_mut().rev().find(|charge| charge.id == id)
    }

    /// The last charge of a PaymentIntent, if money was received with it.
    pub fn paid_charge(&mut self, intent_id: &str) -> Option<&mut Charge> {
        let id = self.intent(intent_id)?.latest_charge.clone()?;
        self.charge_mut(&id).filter(|charge| charge.amount_captured > 0)
    }

    /// A Checkout Session. Most requests are about a new one.
    pub fn session(&self, id: &str) -> Option<&CheckoutSession> {
        self.sessions.iter().rev().find(|session| session.id == id)
    }

    /// A Checkout Session, to change it.
    pub fn session_mut(&mut self, id: &str) -> Option<&mut CheckoutSession> {
        self.sessions.iter_mut().rev().find(|session| session.id == id)
    }

    /// Adds an event, and drops those that are older than 30 days.
    pub fn add_event(&mut self, event: Event) {
        let oldest = now().saturating_sub(EVENT_LIFETIME);
        while self.events.front().is_some_and(|event| event.created < oldest) {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// The states of all accounts in both modes.
#[derive(Default)]
pub struct Accounts(BTreeMap<AccountMode, AccountState>);

impl Accounts {
    /// The state of one mode of an account.
    pub fn state_mut(&mut self, mode: AccountMode) -> &mut AccountState {
        self.0.entry(mode).or_insert_with(|| AccountState::new(mode))
    }

    /// The account and mode of a PaymentIntent.
    pub fn mode_of_intent(&self, id: &str) -> Option<AccountMode> {
        self.0.iter().find(|(_, state)| state.intent(id).is_some()).map(|(&mode, _)| mode)
    }

    /// The account and mode of a Checkout Session.
    pub fn mode_of_session(&self, id: &str) -> Option<AccountMode> {
        self.0.iter().find(|(_, state)| state.session(id).is_some()).map(|(&mode, _)| mode)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_dropped_after_thirty_days() {
        let mut state = AccountState::new(AccountMode::of_first_account(false));
        for age in [31, 29] {
            let mut event = Event::new("charge.refunded", &json!({}), false, 0, None);
            event.created -= age * 86_400;
            state.events.push_back(event);
        }
        state.add_event(Event::new("charge.refunded", &json!({}), false, 0, None));
        let ages = state.events.iter().map(|event| (now() - event.created) / 86_400);
        assert_eq!(ages.collect::<Vec<_>>(), [29, 0]);
    }
}
