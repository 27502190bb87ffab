//! What the fake Stripe remembers.

use std::collections::HashMap;

use serde_json::Value;

use super::endpoints::Endpoint;
use super::events::Event;
use super::intents::Intent;

/// The account that every key belongs to.
pub const ACCOUNT: &str = "acct_1FakeStripeAccount";

/// Both modes.
#[derive(Default)]
pub struct State {
    /// Every call of the API so far, such as `GET /v1/account`.
    pub calls: Vec<String>,
    test: Side,
    live: Side,
}

/// One mode.
#[derive(Default)]
pub struct Side {
    /// Webhook endpoints, oldest first.
    pub endpoints: Vec<Endpoint>,
    /// Checkout Sessions, oldest first.
    pub sessions: Vec<super::checkout::Session>,
    /// PaymentIntents, oldest first.
    pub intents: Vec<Intent>,
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
    pub answer: Value,
}

impl State {
    /// One mode.
    pub fn side(&self, livemode: bool) -> &Side {
        if livemode { &self.live } else { &self.test }
    }

    /// One mode.
    pub fn side_mut(&mut self, livemode: bool) -> &mut Side {
        if livemode { &mut self.live } else { &mut self.test }
    }

    /// The mode that a session is of.
    pub fn mode_of_session(&self, id: &str) -> Option<bool> {
        [false, true]
            .into_iter()
            .find(|&livemode| self.side(livemode).sessions.iter().any(|s| s.id == id))
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
