//! What the fake Stripe remembers.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::destinations::Destination;
use super::disputes::Dispute;
use super::endpoints::Endpoint;
use super::error::ApiError;
use super::events::Event;
use super::intents::Intent;
use super::refunds::Refund;
use super::trouble::Day;

/// An account in one of its modes. Nothing of one is seen in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Realm {
    /// `acct_…`
    pub account: &'static str,
    /// Whether real money is meant.
    pub livemode: bool,
}

impl Realm {
    /// The first account, in a mode.
    pub fn of_first_account(livemode: bool) -> Self {
        Self { account: super::keys::ACCOUNT, livemode }
    }
}

/// Every account in every mode.
#[derive(Default)]
pub struct State {
    /// Every call of the API so far.
    pub calls: Vec<Call>,
    /// What goes wrong.
    pub day: Day,
    sides: BTreeMap<Realm, Side>,
}

/// A call of the API, as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// Such as `GET`.
    pub method: String,
    /// Such as `/v1/account`.
    pub path: String,
    /// Of the query or of the form.
    pub params: Vec<(String, String)>,
}

impl Call {
    /// Such as `GET /v1/account`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// One account in one mode.
#[derive(Default)]
pub struct Side {
    /// Destinations of events that are no webhook endpoints of the first version of the API.
    pub destinations: Vec<Destination>,
    /// Webhook endpoints, oldest first.
    pub endpoints: Vec<Endpoint>,
    /// Checkout Sessions, oldest first.
    pub sessions: Vec<super::checkout::Session>,
    /// PaymentIntents, oldest first.
    pub intents: Vec<Intent>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Events, oldest first.
    pub events: Vec<Event>,
    /// What was answered to each idempotency key, and to which request.
    pub replays: HashMap<String, Replay>,
}

/// An answer that is given again.
pub struct Replay {
    /// Path and body of the request.
    pub request: (String, Vec<u8>),
    /// The answer.
    pub answer: Result<Value, ApiError>,
}

impl State {
    /// One account in one mode.
    pub fn side_mut(&mut self, realm: Realm) -> &mut Side {
        self.sides.entry(realm).or_default()
    }

    /// The account and the mode that a session is of.
    pub fn realm_of_session(&self, id: &str) -> Option<Realm> {
        let has_it = |side: &Side| side.sessions.iter().any(|session| session.id == id);
        self.sides.iter().find(|(_, side)| has_it(side)).map(|(&realm, _)| realm)
    }
}

impl Side {
    /// A PaymentIntent.
    pub fn intent_mut(&mut self, id: &str) -> Option<&mut Intent> {
        self.intents.iter_mut().find(|intent| intent.id == id)
    }

    /// A Checkout Session.
    pub fn session_mut(&mut self, id: &str) -> Option<&mut super::checkout::Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }
}

/// An id as Stripe makes them.
pub fn id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().simple())
}
