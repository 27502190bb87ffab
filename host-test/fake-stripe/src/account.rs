//! The accounts: each has a test and a live mode, which share nothing.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::objects::{CheckoutSession, Dispute, Event, PaymentIntent, Refund, WebhookEndpoint};

/// The account of most keys.
pub const FIRST_ACCOUNT: &str = "acct_1FakeStripeAccount";
/// The account of a key with `SecondAccount` in it.
pub const SECOND_ACCOUNT: &str = "acct_1FakeStripeSecond";

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
    /// Event destinations that were created with version 2 of the API.
    pub destinations: Vec<Map<String, Value>>,
    /// Webhook endpoints.
    pub endpoints: Vec<WebhookEndpoint>,
    /// Checkout Sessions.
    pub sessions: Vec<CheckoutSession>,
    /// PaymentIntents.
    pub intents: Vec<PaymentIntent>,
    /// Disputes.
    pub disputes: Vec<Dispute>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// Whether new refunds fail.
    pub refunds_fail: bool,
    /// Events.
    pub events: Vec<Event>,
    /// The answers that were given to idempotency keys.
    pub replays: HashMap<String, Replay>,
}

/// A stored answer to an idempotency key.
pub struct Replay {
    /// Path and body of the request.
    pub request: (String, Vec<u8>),
    /// The answer.
    pub answer: Result<Value, ApiError>,
}

impl AccountState {
    fn new(mode: AccountMode) -> Self {
        Self {
            mode,
            destinations: Vec::new(),
            endpoints: Vec::new(),
            sessions: Vec::new(),
            intents: Vec::new(),
            disputes: Vec::new(),
            refunds: Vec::new(),
            refunds_fail: false,
            events: Vec::new(),
            replays: HashMap::new(),
        }
    }

    /// A PaymentIntent.
    pub fn intent_mut(&mut self, id: &str) -> Option<&mut PaymentIntent> {
        self.intents.iter_mut().find(|intent| intent.id == id)
    }

    /// A Checkout Session.
    pub fn session_mut(&mut self, id: &str) -> Option<&mut CheckoutSession> {
        self.sessions.iter_mut().find(|session| session.id == id)
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

    /// The account and mode of a Checkout Session.
    pub fn mode_of_session(&self, id: &str) -> Option<AccountMode> {
        let has_session =
            |state: &AccountState| state.sessions.iter().any(|session| session.id == id);
        self.0.iter().find(|(_, state)| has_session(state)).map(|(&mode, _)| mode)
    }
}
