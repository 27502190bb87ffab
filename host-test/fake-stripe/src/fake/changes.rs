//! What a test changes or makes happen while the fake runs.

use super::FakeStripe;
use crate::account::{AccountMode, AccountState};
use crate::api::{disputes, refunds, sessions};
use crate::delivery::Outbox;
use crate::fault::{EveryNth, Fault, Unreliable};
use crate::lock::lock;

impl FakeStripe {
    /// Sets the fault of the next requests.
    pub fn set_fault(&self, fault: Option<Fault>) {
        lock(&self.server.faults).set(fault);
    }

    /// Sets the fault of every n-th request, counted from now on.
    pub fn set_every_nth(&self, every_nth: Option<EveryNth>) {
        lock(&self.server.faults).set_every_nth(every_nth);
    }

    /// From now on some requests of the API fail by chance. None: none does.
    pub fn set_unreliable(&self, unreliable: Option<Unreliable>) {
        lock(&self.server.faults).set_unreliable(unreliable);
    }

    /// From now on some deliveries are lost, doubled or overtaken, decided by a seed. None: every
    /// delivery arrives once and in order.
    pub fn set_delivery_disorder(&self, seed: Option<u64>) {
        self.server.outbox.set_disorder(seed);
    }

    /// From now on every restricted key lacks this permission too, such as `Event`: a word that can stand
    /// after `Without`. None: no key has lost one.
    pub fn set_lost_permission(&self, permission: Option<&'static str>) {
        lock(&self.server.settings).lost_permission = permission;
    }

    /// From now on every listed event has so many bytes more, so that a page of events is large.
    pub fn set_event_padding(&self, bytes: usize) {
        lock(&self.server.settings).event_padding = bytes;
    }

    /// Whether the first account can charge from now on.
    pub fn set_can_charge(&self, livemode: bool, can_charge: bool) {
        self.change(livemode, |_, state| state.can_charge = can_charge);
    }

    /// Whether refunds of the first account fail from now on.
    pub fn set_refunds_fail(&self, livemode: bool, fail: bool) {
        self.change(livemode, |_, state| state.refunds_fail = fail);
    }

    /// Makes the first account's last refund fail, after it had succeeded.
    pub fn fail_last_refund(&self, livemode: bool) {
        self.change(livemode, refunds::fail_last);
    }

    /// Disputes a paid PaymentIntent of the first account, as a customer's bank does weeks later.
    pub fn dispute(&self, livemode: bool, payment_intent: &str) {
        self.change(livemode, |outbox, state| {
            disputes::open(outbox, state, payment_intent, "fraudulent");
        });
    }

    /// Ends the open dispute of a PaymentIntent of the first account. Its status is then `won` or `lost`.
    pub fn close_dispute(&self, livemode: bool, payment_intent: &str, status: &'static str) {
        self.change(livemode, |outbox, state| {
            disputes::close(outbox, state, payment_intent, status);
        });
    }

    /// Expires every page of the first account whose time is over, as Stripe does by itself.
    pub fn expire_overdue(&self, livemode: bool) {
        self.change(livemode, sessions::expire_overdue);
    }

    /// Makes a page of the first account payable again after it has expired: a provider that breaks its word.
    pub fn revive_session(&self, livemode: bool, id: &str) {
        self.change(livemode, |_, state| {
            if let Some(session) = state.session_mut(id) {
                session.status = "open";
                session.payment_intent = None;
            }
        });
    }

    /// Changes the state of the first account.
    fn change(&self, livemode: bool, change: impl FnOnce(&Outbox, &mut AccountState)) {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        change(&self.server.outbox, state);
    }
}
