//! Every history of a payment, in every order of delivery, with every loss: the rule ends in the
//! provider's state, and no money is unseen.
//!
//! A history has up to six moments, some of them in the same second: attempts to pay that fail, money, less
//! money than asked for, refunds, a refund that fails, a cancellation, and money after it. The test visits
//! every state that deliveries can lead to: in any order, with duplicates (the ledger knows them by their
//! id), and with the provider answering at once, at the end, or not at all. From each state, a reconciliation
//! must end in the provider's state. A state that several orders lead to is visited once. The function under
//! test is `plan`, which the ledger calls.

use std::collections::HashSet;

use super::{Attention, Known, News, Output, PaymentState, Plan, Step, is_final, plan};
use crate::types::{Authority, Awaited, Mode, Money, Payment, PaymentStatus};

const MAX_EVENTS: usize = 6;
const CREATED_AT: u64 = 100;
const ASKED: u64 = 10;

/// What a payment is at the provider after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Rejected,
    RequiresAction,
    Pending,
    Approved,
    Canceled,
    /// Approved with less money than asked for.
    Short,
    ShortRefunded,
    PartRefunded,
    AllRefunded,
    /// The bank has sent a refund back.
    RefundFailed,
    /// Money after the cancellation.
    PaidLate,
}

use Moment::{
    AllRefunded, Approved, Canceled, PaidLate, PartRefunded, Pending, RefundFailed, Rejected,
    RequiresAction, Short, ShortRefunded,
};

const MOMENTS: [Moment; 11] = [
    Rejected,
    RequiresAction,
    Pending,
    Approved,
    Canceled,
    Short,
    ShortRefunded,
    PartRefunded,
    AllRefunded,
    RefundFailed,
    PaidLate,
];

impl Moment {
    /// What can come next.
    fn next(self) -> &'static [Self] {
        match self {
            Rejected | RequiresAction | Pending => {
                &[Rejected, RequiresAction, Pending, Approved, Canceled, Short]
            }
            Approved | RefundFailed => &[PartRefunded, AllRefunded],
            PartRefunded => &[AllRefunded, RefundFailed],
            Short => &[ShortRefunded],
            Canceled => &[PaidLate],
            AllRefunded | ShortRefunded | PaidLate => &[],
        }
    }

    fn status(self) -> PaymentStatus {
        match self {
            Rejected => PaymentStatus::Rejected,
            RequiresAction => PaymentStatus::RequiresAction,
            Pending => PaymentStatus::Pending,
            Canceled => PaymentStatus::Canceled,
            _ => PaymentStatus::Approved,
        }
    }

    fn received(self) -> u64 {
        match self {
            Short | ShortRefunded => 4,
            Approved | PartRefunded | AllRefunded | RefundFailed | PaidLate => ASKED,
            Rejected | RequiresAction | Pending | Canceled => 0,
        }
    }

    fn refunded(self) -> u64 {
        match self {
            PartRefunded => 3,
            ShortRefunded => 4,
            AllRefunded => ASKED,
            _ => 0,
        }
    }

    /// Whether its event does not say how the payment is.
    fn is_notice(self) -> bool {
        matches!(self, ShortRefunded | PartRefunded | AllRefunded | RefundFailed)
    }

    fn payment(self) -> Payment {
        Payment {
            id: "pi_1".to_owned(),
            aliases: Vec::new(),
            reference: None,
            mode: Mode::Test,
            status: self.status(),
            provider_status: String::new(),
            amount: Money { minor_units: ASKED, currency: "usd".to_owned() },
            received: self.received(),
            refunded: Some(self.refunded()),
            failure: None,
            attempt_id: None,
            awaits: Awaited::Nothing,
            disputes: Vec::new(),
            created_at: CREATED_AT,
        }
    }
}

/// A payment after some of its events, and what came of it.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy)]
struct Visited {
    /// The events that have been received: a bit for each.
    received: u32,
    state: PaymentState,
    has_remote_id: bool,
    told: Option<(Output, bool)>,
    approvals: u8,
    has_mismatch: bool,
    is_paid_late: bool,
    /// The amount that the flow was told to be refunded.
    told_refunded: u64,
    /// The amount that the flow was told to have come late.
    told_late: u64,
    closes_page: bool,
    closes_siblings: bool,
}

/// Whether the provider answers when asked, and with the state of which moment.
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
    moments: Vec<Moment>,
    times: Vec<u64>,
}

/// The payments of all moments, indexed by them.
struct World {
    asked: Money,
    payments: Vec<Payment>,
}

impl World {
    fn new() -> Self {
        let asked = Money { minor_units: ASKED, currency: "usd".to_owned() };
        Self { asked, payments: MOMENTS.map(Moment::payment).into() }
    }

    fn payment(&self, moment: Moment) -> &Payment {
        &self.payments[moment as usize]
    }
}

impl Visited {
    /// The provider has answered to the creation.
    fn created() -> Self {
        Self {
            received: 0,
            state: PaymentState {
                status: PaymentStatus::Pending,
                as_of: CREATED_AT,
                authority: Authority::Signed,
                needs_refetch: false,
                received: 0,
                refunded: None,
            },
            has_remote_id: true,
            told: Some((Output::Pending, false)),
            approvals: 0,
            has_mismatch: false,
            is_paid_late: false,
            told_refunded: 0,
            told_late: 0,
            closes_page: false,
            closes_siblings: false,
        }
    }

    /// The flow has given the attempt up before the provider had answered.
    fn given_up() -> Self {
        let mut given_up = Self::created();
        given_up.state.status = PaymentStatus::Canceled;
        given_up.state.as_of = 0;
        given_up.has_remote_id = false;
        given_up.told = Some((Output::Rejected, true));
        given_up
    }

    /// Two visited states with the same key are the same.
    fn key(&self) -> impl Eq + std::hash::Hash + use<> {
        let PaymentState { status, as_of, authority, needs_refetch, received, refunded } =
            self.state;
        let flags = [
            self.has_remote_id,
            self.has_mismatch,
            self.is_paid_late,
            self.closes_page,
            self.closes_siblings,
            needs_refetch,
        ];
        let told = self.told.map(|(output, is_final)| (output as u8, is_final));
        // What was told follows from the state: see `check_told`.
        (self.received, status as u8, as_of, authority as u8, received, refunded, flags, told)
    }

    /// Carries the plan out, as the ledger does. `false`: the provider has to be asked.
    fn take(&mut self, world: &World, news: News<'_>) -> bool {
        let known = Known {
            expected: &world.asked,
            state: self.state,
            version: 0,
            has_remote_id: self.has_remote_id,
            told: self.told,
        };
        let Step::Take(plan) = plan(known, news) else { return false };
        let Plan { state, takes_details, tells, attention, settles_money, notices, .. } = plan;
        self.state = state;
        self.has_remote_id |= takes_details;
        if tells.is_some() {
            assert!(!self.told.is_some_and(|told| told.1), "an output followed a final one");
            self.told = tells;
            self.approvals += u8::from(tells == Some((Output::Approved, true)));
        }
        self.is_paid_late |= attention == Some(Attention::PaidLate);
        self.has_mismatch |= attention == Some(Attention::AmountDiffers);
        self.has_mismatch &= !settles_money;
        self.is_paid_late &= !settles_money;
        self.told_refunded += notices.refunded.unwrap_or(0);
        self.told_refunded -= notices.refund_failed.unwrap_or(0);
        assert!(self.told_late == 0 || notices.paid_late.is_none(), "told twice");
        self.told_late += notices.paid_late.unwrap_or(0);
        self.check_told();
        self.closes_page |= plan.closes_page;
        self.closes_siblings |= plan.closes_siblings;
        true
    }

    /// Every change of the refunded amount, and late money, is told once.
    fn check_told(&self) {
        assert_eq!(self.told_refunded, self.state.refunded.unwrap_or(0));
        let is_late = self.state.status == PaymentStatus::Canceled && self.told_late > 0;
        assert!(!self.is_paid_late || is_late, "late money was not told");
    }

    /// Receives an event, and asks the provider if that is needed.
    fn receive(
        mut self,
        world: &World,
        history: &History,
        event: usize,
        provider: Provider,
    ) -> Self {
        self.received |= 1 << event;
        let (moment, occurred_at) = (history.moments[event], history.times[event]);
        let news = if moment.is_notice() {
            News::Notice
        } else {
            News::Event { payment: world.payment(moment), occurred_at }
        };
        if self.take(world, news) {
            return self;
        }
        let now = match provider {
            Provider::AnswersAtOnce => {
                let latest = (0..MAX_EVENTS).rev().find(|n| self.received & (1 << n) != 0);
                history.moments[latest.unwrap()]
            }
            Provider::AnswersAtTheEnd => history.last(),
            Provider::IsUnavailable => {
                assert!(self.take(world, News::NoAnswer));
                return self;
            }
        };
        self.fetch(world, now, occurred_at);
        self
    }

    fn fetch(&mut self, world: &World, now: Moment, occurred_at: u64) {
        let payment = world.payment(now);
        assert!(self.take(world, News::Fetched { payment, version: 0, occurred_at }));
    }

    /// Receives the missed events, oldest first, and then fetches the payment if it is unfinished.
    fn reconcile(mut self, world: &World, history: &History) -> Self {
        for event in 0..history.moments.len() {
            if self.received & (1 << event) == 0 {
                self = self.receive(world, history, event, Provider::AnswersAtTheEnd);
            }
        }
        if self.state.needs_refetch || !is_final(self.state.status) {
            self.fetch(world, history.last(), 0);
        }
        self
    }
}

impl History {
    /// The moment after the last event.
    fn last(&self) -> Moment {
        *self.moments.last().unwrap()
    }

    /// Visits every state and checks the reconciliation of each. Returns how many there are.
    fn check(&self, world: &World, start: Visited) -> usize {
        let mut open = vec![start];
        let mut seen: HashSet<_> = open.iter().map(Visited::key).collect();
        while let Some(visited) = open.pop() {
            let end = visited.reconcile(world, self);
            self.check_end(start, end);
            for event in 0..self.moments.len() {
                if visited.received & (1 << event) != 0 {
                    continue;
                }
                for provider in
                    [Provider::AnswersAtOnce, Provider::AnswersAtTheEnd, Provider::IsUnavailable]
                {
                    let next = visited.receive(world, self, event, provider);
                    if seen.insert(next.key()) {
                        open.push(next);
                    }
                }
            }
        }
        seen.len()
    }

    fn check_end(&self, start: Visited, end: Visited) {
        let what = format!("{:?} {:?} {:?}", self.moments, self.times, end.state);
        let (last, status) = (self.last(), end.state.status);
        let is_mismatch = last == Short;
        let output = Some((Output::of(status), is_final(status)));
        assert_eq!(end.state.refunded.unwrap_or(0), last.refunded(), "{what}");
        assert_eq!(end.approvals, u8::from(status == PaymentStatus::Approved), "{what}");
        if is_final(start.state.status) {
            assert_eq!((status, end.told), (start.state.status, start.told), "{what}");
            let is_kept = last.received() > last.refunded();
            assert_eq!(end.is_paid_late, is_kept, "{what}");
            assert!(end.closes_siblings || !is_kept, "{what}");
            assert_eq!(end.told_late, last.received(), "{what}");
            // What is still open at the provider is closed.
            assert!(end.closes_page || is_final(last.status()), "{what}");
            return;
        }
        // A mismatch is no reason to ask again: a person decides.
        assert_eq!((end.state.needs_refetch, end.has_mismatch), (false, is_mismatch), "{what}");
        assert_eq!((end.told, end.closes_page), (output, false), "{what}");
        match last {
            Short => {
                assert!(!is_final(status), "{what}");
                assert_eq!(end.state.received, last.received(), "{what}");
            }
            ShortRefunded => {
                assert_eq!((status, end.is_paid_late), (PaymentStatus::Canceled, false), "{what}");
            }
            // The cancellation or the money may be seen first. Either way the money is seen.
            PaidLate => assert_eq!(end.is_paid_late, status == PaymentStatus::Canceled, "{what}"),
            _ => assert_eq!((status, end.is_paid_late), (last.status(), false), "{what}"),
        }
        assert!(end.closes_siblings || !end.is_paid_late, "{what}");
    }
}

/// Every history that is one event longer.
fn continued(moments: &[Moment]) -> Vec<Vec<Moment>> {
    let next = moments.last().map_or(Pending.next(), |last| last.next());
    next.iter().map(|moment| [moments, &[*moment]].concat()).collect()
}

#[test]
fn any_order_ends_in_the_providers_state() {
    let world = World::new();
    let (mut histories, mut visited) = (vec![Vec::new()], 0);
    for length in 1..=MAX_EVENTS {
        histories = histories.iter().flat_map(|history| continued(history)).collect();
        for moments in &histories {
            // A bit for each event that is of the same second as the one before it. Of histories
            // with six events every ninth pattern is enough.
            let same_second =
                (0..1_u64 << (length - 1)).step_by(if length < MAX_EVENTS { 1 } else { 9 });
            for tie in same_second {
                let mut at = CREATED_AT;
                let mut times = Vec::new();
                for event in 0..length {
                    at += u64::from(event == 0 || tie & (1 << (event - 1)) == 0);
                    times.push(at);
                }
                let history = History { moments: moments.clone(), times };
                visited += history.check(&world, Visited::created());
                visited += history.check(&world, Visited::given_up());
            }
        }
    }
    println!("{visited} states");
    assert!(visited > 2_000_000, "{visited} states");
}
