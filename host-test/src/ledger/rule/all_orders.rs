//! Every history of a payment, in every order, with every loss: the rule ends in the provider's
//! state.
//!
//! A history is up to six events, some in the same second. From each point that deliveries can lead
//! to, by whatever order, with duplicates (which the ledger knows by their id) and with the provider
//! asked now, asked later or not to be asked, a reconciliation has to end in the truth. Points that
//! several orders lead to are looked at once.

use std::collections::HashSet;

use super::{Decision, Known, Output, decide, is_final};
use crate::contract::types::{Authority, Awaited, Mode, Money, Payment, PaymentStatus};

const LONGEST: usize = 6;
const CREATED: u64 = 100;

/// What can happen to a payment.
const STEPS: [PaymentStatus; 5] = [
    PaymentStatus::Rejected,
    PaymentStatus::RequiresAction,
    PaymentStatus::Pending,
    PaymentStatus::Approved,
    PaymentStatus::Canceled,
];

/// A payment on the way, and what its flow was told.
#[derive(Clone, Copy)]
struct Point {
    /// Which events have been taken: a bit each.
    taken: u32,
    known: Known,
    settled: bool,
    told: (Output, bool),
    approvals: u8,
}

/// Whether the provider can be asked, and when its answer is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Right after the latest event that was taken.
    AtOnce,
    /// When all has happened.
    InTheEnd,
    /// It does not answer.
    InVain,
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
        disputes: Vec::new(),
        created_at: CREATED,
        extras: Vec::new(),
    }
}

impl Point {
    fn start() -> Self {
        Self {
            taken: 0,
            known: Known {
                status: PaymentStatus::Pending,
                as_of: CREATED,
                authority: Authority::Signed,
            },
            settled: true,
            told: (Output::Pending, false),
            approvals: 0,
        }
    }

    /// By which two points are the same.
    fn key(&self) -> (u32, u8, u64, u8, bool, u8, bool) {
        let Known { status, as_of, authority } = self.known;
        let (output, is_final) = self.told;
        (self.taken, status as u8, as_of, authority as u8, self.settled, output as u8, is_final)
    }

    fn apply(&mut self, status: PaymentStatus, authority: Authority, at: u64) {
        self.known = self.known.after(status, authority, at);
        self.settled = true;
        let told = (Output::of(status), is_final(status));
        if told != self.told {
            assert!(!self.told.1, "a flow was told something after the end");
            self.told = told;
            self.approvals += u8::from(told.0 == Output::Approved);
        }
    }

    /// As the ledger takes an event.
    fn take(mut self, history: &History, news: &[Payment], event: usize, asked: Asked) -> Self {
        self.taken |= 1 << event;
        let (asked_for, at) = (money(), history.times[event]);
        let status = history.statuses[event];
        let said = &news[status as usize];
        match decide(&asked_for, self.known, said, Authority::Signed, at) {
            Decision::Apply => self.apply(status, Authority::Signed, at),
            Decision::KeepStatus => {}
            Decision::Unsettled => unreachable!("all the money is there"),
            Decision::Ask => {
                let truth = match asked {
                    Asked::AtOnce => {
                        let latest = (0..LONGEST).rev().find(|n| self.taken & (1 << n) != 0);
                        history.statuses[latest.unwrap()]
                    }
                    Asked::InTheEnd => history.truth(),
                    Asked::InVain => {
                        self.settled = false;
                        return self;
                    }
                };
                self.fetch(news, truth, at);
            }
        }
        self
    }

    fn fetch(&mut self, news: &[Payment], truth: PaymentStatus, at: u64) {
        let fetched = &news[truth as usize];
        match decide(&money(), self.known, fetched, Authority::Fetched, at) {
            Decision::Apply => self.apply(truth, Authority::Fetched, at),
            _ => self.settled = true,
        }
    }

    /// What was missed, oldest first, and then a question if it is not finished.
    fn reconcile(mut self, history: &History, news: &[Payment]) -> Self {
        for event in 0..history.statuses.len() {
            if self.taken & (1 << event) == 0 {
                self = self.take(history, news, event, Asked::InTheEnd);
            }
        }
        if !self.settled || !is_final(self.known.status) {
            self.fetch(news, history.truth(), self.known.as_of);
        }
        self
    }
}

impl History {
    /// What the provider says when all has happened.
    fn truth(&self) -> PaymentStatus {
        *self.statuses.last().unwrap()
    }

    /// Goes through every order from every point, and checks each.
    fn check(&self, news: &[Payment]) -> usize {
        let mut open = vec![Point::start()];
        let mut seen: HashSet<_> = open.iter().map(Point::key).collect();
        while let Some(point) = open.pop() {
            let end = point.reconcile(self, news);
            assert_eq!(end.known.status, self.truth(), "{:?} {:?}", self.statuses, self.times);
            assert!(end.settled);
            let is_paid = self.truth() == PaymentStatus::Approved;
            assert_eq!(end.approvals, u8::from(is_paid), "{:?} {:?}", self.statuses, self.times);
            assert_eq!(end.told, (Output::of(self.truth()), is_final(self.truth())));
            for event in 0..self.statuses.len() {
                if point.taken & (1 << event) != 0 {
                    continue;
                }
                for asked in [Asked::AtOnce, Asked::InTheEnd, Asked::InVain] {
                    let next = point.take(self, news, event, asked);
                    if seen.insert(next.key()) {
                        open.push(next);
                    }
                }
            }
        }
        seen.len()
    }
}

/// Every way in which a payment can go on from a history.
fn continued(statuses: &[PaymentStatus]) -> Vec<Vec<PaymentStatus>> {
    let next: &[PaymentStatus] = match statuses.last() {
        // Refunds: the payment stays approved.
        Some(PaymentStatus::Approved) => &[PaymentStatus::Approved],
        Some(PaymentStatus::Canceled) => &[],
        _ => &STEPS,
    };
    next.iter().map(|status| [statuses, &[*status]].concat()).collect()
}

#[test]
fn every_order_with_every_loss_ends_in_the_providers_state() {
    // By the number of the status.
    let mut statuses = STEPS;
    statuses.sort_by_key(|status| *status as usize);
    let news: Vec<Payment> = statuses.into_iter().map(payment).collect();
    let (mut histories, mut points) = (vec![Vec::new()], 0);
    for length in 1..=LONGEST {
        histories = histories.iter().flat_map(|history| continued(history)).collect();
        for statuses in &histories {
            // Which events are of the same second as the one before. Of six, not every way.
            let same_second =
                (0..1_u64 << (length - 1)).step_by(if length < LONGEST { 1 } else { 5 });
            for tie in same_second {
                let mut at = CREATED;
                let mut times = Vec::new();
                for event in 0..length {
                    at += u64::from(event == 0 || tie & (1 << (event - 1)) == 0);
                    times.push(at);
                }
                points += History { statuses: statuses.clone(), times }.check(&news);
            }
        }
    }
    assert!(points > 1_000_000, "{points} points");
}
