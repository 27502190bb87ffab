//! Every history of a payment, in every order of delivery, with every loss: the rule ends in the
//! provider's state.
//!
//! A history has up to six events, some of them in the same second. The test visits every state that
//! deliveries can lead to: in any order, with duplicates (the ledger knows them by their id), and with
//! the provider answering at once, at the end, or not at all. From each state, a reconciliation must
//! end in the provider's state. A state that several orders lead to is visited once.

use std::collections::HashSet;

use super::{Decision, Output, PaymentState, decide, is_final};
use crate::types::{Authority, Awaited, Mode, Money, Payment, PaymentStatus};

const MAX_EVENTS: usize = 6;
const CREATED_AT: u64 = 100;

/// The statuses that an event can bring.
const STATUSES: [PaymentStatus; 5] = [
    PaymentStatus::Rejected,
    PaymentStatus::RequiresAction,
    PaymentStatus::Pending,
    PaymentStatus::Approved,
    PaymentStatus::Canceled,
];

/// A payment after some of its events, and its outputs.
#[derive(Clone, Copy)]
struct Visited {
    /// The events that have been received: a bit for each.
    received: u32,
    state: PaymentState,
    needs_refetch: bool,
    /// The last transition: its output, and whether it was final.
    transition: (Output, bool),
    approvals: u8,
}

/// Whether the provider answers a refetch, and with the state of which moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Provider {
    /// The state after the latest event that was received.
    AnswersAtOnce,
    /// The state after the last event of the history.
    AnswersAtTheEnd,
    /// No answer.
    IsUnavailable,
}

struct History {
    statuses: Vec<PaymentStatus>,
    times: Vec<u64>,
}

fn money() -> Money {
    Money { minor_units: 10, currency: "usd".to_owned() }
}

fn payment(status: PaymentStatus) -> Payment {
    Payment {
        id: "pi_1".to_owned(),
        aliases: Vec::new(),
        reference: None,
        mode: Mode::Test,
        status,
        provider_status: String::new(),
        amount: money(),
        received: if status == PaymentStatus::Approved { 10 } else { 0 },
        refunded: None,
        failure: None,
        attempt_id: None,
        awaits: Awaited::Nothing,
        created_at: CREATED_AT,
    }
}

impl Visited {
    fn start() -> Self {
        Self {
            received: 0,
            state: PaymentState {
                status: PaymentStatus::Pending,
                as_of: CREATED_AT,
                authority: Authority::Signed,
            },
            needs_refetch: false,
            transition: (Output::Pending, false),
            approvals: 0,
        }
    }

    /// Two visited states with the same key are the same.
    fn key(&self) -> (u32, u8, u64, u8, bool, u8, bool) {
        let PaymentState { status, as_of, authority } = self.state;
        let (output, is_final) = self.transition;
        (
            self.received,
            status as u8,
            as_of,
            authority as u8,
            self.needs_refetch,
            output as u8,
            is_final,
        )
    }

    fn apply(&mut self, status: PaymentStatus, authority: Authority, at: u64) {
        self.state = self.state.after(status, authority, at);
        self.needs_refetch = false;
        let transition = (Output::of(status), is_final(status));
        if transition != self.transition {
            assert!(!self.transition.1, "a transition followed a final one");
            self.transition = transition;
            self.approvals += u8::from(transition.0 == Output::Approved);
        }
    }

    /// Receives an event, as the ledger does.
    fn receive(
        mut self,
        history: &History,
        payments: &[Payment],
        event: usize,
        provider: Provider,
    ) -> Self {
        self.received |= 1 << event;
        let (expected, at) = (money(), history.times[event]);
        let status = history.statuses[event];
        let payment = &payments[status as usize];
        match decide(&expected, self.state, payment, Authority::Signed, at) {
            Decision::Apply => self.apply(status, Authority::Signed, at),
            Decision::KeepStatus => {}
            Decision::AmountMismatch => unreachable!("the whole amount is there"),
            Decision::Refetch => {
                let current = match provider {
                    Provider::AnswersAtOnce => {
                        let latest = (0..MAX_EVENTS).rev().find(|n| self.received & (1 << n) != 0);
                        history.statuses[latest.unwrap()]
                    }
                    Provider::AnswersAtTheEnd => history.last(),
                    Provider::IsUnavailable => {
                        self.needs_refetch = true;
                        return self;
                    }
                };
                self.fetch(payments, current, at);
            }
        }
        self
    }

    fn fetch(&mut self, payments: &[Payment], current: PaymentStatus, at: u64) {
        let fetched = &payments[current as usize];
        match decide(&money(), self.state, fetched, Authority::Fetched, at) {
            Decision::Apply => self.apply(current, Authority::Fetched, at),
            _ => self.needs_refetch = false,
        }
    }

    /// Receives the missed events, oldest first, and then fetches the payment if it is unfinished.
    fn reconcile(mut self, history: &History, payments: &[Payment]) -> Self {
        for event in 0..history.statuses.len() {
            if self.received & (1 << event) == 0 {
                self = self.receive(history, payments, event, Provider::AnswersAtTheEnd);
            }
        }
        if self.needs_refetch || !is_final(self.state.status) {
            self.fetch(payments, history.last(), self.state.as_of);
        }
        self
    }
}

impl History {
    /// The status after the last event.
    fn last(&self) -> PaymentStatus {
        *self.statuses.last().unwrap()
    }

    /// Visits every state and checks the reconciliation of each. Returns how many there are.
    fn check(&self, payments: &[Payment]) -> usize {
        let mut open = vec![Visited::start()];
        let mut seen: HashSet<_> = open.iter().map(Visited::key).collect();
        while let Some(visited) = open.pop() {
            let end = visited.reconcile(self, payments);
            assert_eq!(end.state.status, self.last(), "{:?} {:?}", self.statuses, self.times);
            assert!(!end.needs_refetch);
            let is_paid = self.last() == PaymentStatus::Approved;
            assert_eq!(end.approvals, u8::from(is_paid), "{:?} {:?}", self.statuses, self.times);
            assert_eq!(end.transition, (Output::of(self.last()), is_final(self.last())));
            for event in 0..self.statuses.len() {
                if visited.received & (1 << event) != 0 {
                    continue;
                }
                for provider in
                    [Provider::AnswersAtOnce, Provider::AnswersAtTheEnd, Provider::IsUnavailable]
                {
                    let next = visited.receive(self, payments, event, provider);
                    if seen.insert(next.key()) {
                        open.push(next);
                    }
                }
            }
        }
        seen.len()
    }
}

/// Every history that is one event longer.
fn continued(statuses: &[PaymentStatus]) -> Vec<Vec<PaymentStatus>> {
    let next: &[PaymentStatus] = match statuses.last() {
        // After a refund the payment is still approved.
        Some(PaymentStatus::Approved) => &[PaymentStatus::Approved],
        Some(PaymentStatus::Canceled) => &[],
        _ => &STATUSES,
    };
    next.iter().map(|status| [statuses, &[*status]].concat()).collect()
}

#[test]
fn any_order_ends_in_the_providers_state() {
    // Indexed by the status.
    let mut statuses = STATUSES;
    statuses.sort_by_key(|status| *status as usize);
    let payments: Vec<Payment> = statuses.into_iter().map(payment).collect();
    let (mut histories, mut visited) = (vec![Vec::new()], 0);
    for length in 1..=MAX_EVENTS {
        histories = histories.iter().flat_map(|history| continued(history)).collect();
        for statuses in &histories {
            // A bit for each event that is of the same second as the one before it. Of histories
            // with six events every fifth pattern is enough.
            let same_second =
                (0..1_u64 << (length - 1)).step_by(if length < MAX_EVENTS { 1 } else { 5 });
            for tie in same_second {
                let mut at = CREATED_AT;
                let mut times = Vec::new();
                for event in 0..length {
                    at += u64::from(event == 0 || tie & (1 << (event - 1)) == 0);
                    times.push(at);
                }
                visited += History { statuses: statuses.clone(), times }.check(&payments);
            }
        }
    }
    assert!(visited > 1_000_000, "{visited} states");
}
