//! Each row of the rule's table.

use super::*;
use crate::types::Mode;

const STATUSES: [PaymentStatus; 5] = [
    PaymentStatus::Pending,
    PaymentStatus::RequiresAction,
    PaymentStatus::Approved,
    PaymentStatus::Rejected,
    PaymentStatus::Canceled,
];

fn money(currency: &str, minor_units: u64) -> Money {
    Money { minor_units, currency: currency.to_owned() }
}

fn payment(status: PaymentStatus, received: u64, amount: Money) -> Payment {
    Payment {
        id: "pi_1".to_owned(),
        aliases: vec!["pi_1".to_owned()],
        reference: None,
        mode: Mode::Test,
        status,
        provider_status: String::new(),
        amount,
        received,
        refunded: None,
        failure: None,
        attempt_id: None,
        awaits: Awaited::Nothing,
        disputes: Vec::new(),
        created_at: 0,
    }
}

fn known(expected: &Money, status: PaymentStatus, authority: Authority) -> Known<'_> {
    let state = PaymentState {
        status,
        as_of: 100,
        authority,
        needs_refetch: false,
        received: 0,
        refunded: None,
    };
    Known { expected, state, version: 1, has_remote_id: true, told: None }
}

fn fetched(payment: &Payment) -> News<'_> {
    News::Fetched { payment, version: 1, occurred_at: 0 }
}

fn taken(step: Step) -> Plan {
    match step {
        Step::Take(plan) => plan,
        Step::Ask => panic!("the provider is asked"),
    }
}

#[test]
fn final_status_never_changes() {
    let usd = money("usd", 10);
    for before in [PaymentStatus::Approved, PaymentStatus::Canceled] {
        for after in STATUSES {
            let payment = payment(after, 10, usd.clone());
            for news in [News::Event { payment: &payment, occurred_at: 200 }, fetched(&payment)] {
                let next = taken(plan(known(&usd, before, Authority::Signed), news));
                assert_eq!((next.state.status, next.tells), (before, None));
            }
        }
    }
}

#[test]
fn approved_needs_the_whole_amount() {
    let usd = money("usd", 10);
    let rows = [
        (10, money("usd", 10), None),
        (11, money("usd", 10), None),
        (9, money("usd", 10), Some(Attention::AmountDiffers)),
        (9, money("usd", 9), Some(Attention::AmountDiffers)),
        (10, money("eur", 10), Some(Attention::AmountDiffers)),
    ];
    for (received, amount, attention) in rows {
        let payment = payment(PaymentStatus::Approved, received, amount);
        for news in [News::Event { payment: &payment, occurred_at: 101 }, fetched(&payment)] {
            let next = taken(plan(known(&usd, PaymentStatus::Pending, Authority::Signed), news));
            let is_approved = next.state.status == PaymentStatus::Approved;
            assert_eq!((next.attention, is_approved), (attention, attention.is_none()));
            assert!(!next.state.needs_refetch);
        }
    }
}

#[test]
fn tie_or_older_event_is_refetched() {
    let usd = money("usd", 10);
    let rejected = payment(PaymentStatus::Rejected, 0, usd.clone());
    let rows = [
        (Authority::Signed, 101, false),
        (Authority::Signed, 100, true),
        (Authority::Signed, 99, true),
        (Authority::Fetched, 101, true),
    ];
    for (authority, occurred_at, asks) in rows {
        let known = known(&usd, PaymentStatus::RequiresAction, authority);
        let step = plan(known, News::Event { payment: &rejected, occurred_at });
        assert_eq!(step == Step::Ask, asks, "{occurred_at}");
    }
}

#[test]
fn fetched_status_is_applied_if_nothing_changed_meanwhile() {
    let usd = money("usd", 10);
    for status in STATUSES {
        let payment = payment(status, 10, usd.clone());
        let known = known(&usd, PaymentStatus::RequiresAction, Authority::Signed);
        assert_eq!(taken(plan(known, fetched(&payment))).state.status, status);
        let outdated = News::Fetched { payment: &payment, version: 0, occurred_at: 0 };
        assert_eq!(plan(known, outdated), Step::Ask);
    }
}

#[test]
fn money_for_a_canceled_attempt_is_paid_late() {
    let usd = money("usd", 10);
    for received in [10, 4] {
        let payment = payment(PaymentStatus::Approved, received, usd.clone());
        for news in [News::Event { payment: &payment, occurred_at: 1 }, fetched(&payment)] {
            let next = taken(plan(known(&usd, PaymentStatus::Canceled, Authority::Signed), news));
            assert_eq!(next.attention, Some(Attention::PaidLate));
            assert!(next.closes_siblings);
            assert_eq!((next.state.received, next.tells), (received, None));
        }
    }
}

#[test]
fn open_page_of_a_canceled_attempt_is_closed() {
    let usd = money("usd", 10);
    let open = payment(PaymentStatus::RequiresAction, 0, usd.clone());
    let canceled = known(&usd, PaymentStatus::Canceled, Authority::Signed);
    let unnamed = Known { has_remote_id: false, ..canceled };
    let event = News::Event { payment: &open, occurred_at: 200 };
    assert!(!taken(plan(canceled, event)).closes_page);
    assert_eq!(plan(unnamed, event), Step::Ask);
    for (known, news) in
        [(canceled, fetched(&open)), (unnamed, fetched(&open)), (unnamed, News::Created(&open))]
    {
        assert!(taken(plan(known, news)).closes_page);
    }
}

#[test]
fn misfit_that_was_given_back_ends_the_attempt() {
    let usd = money("usd", 10);
    for refunded in [8, 9] {
        let payment = Payment {
            refunded: Some(refunded),
            ..payment(PaymentStatus::Approved, 9, usd.clone())
        };
        let next =
            taken(plan(known(&usd, PaymentStatus::Pending, Authority::Signed), fetched(&payment)));
        let is_over = refunded == 9;
        assert_eq!(next.state.status == PaymentStatus::Canceled, is_over);
        assert_eq!((next.settles_money, next.attention.is_none()), (is_over, is_over));
        assert_eq!(next.notices.refunded, Some(refunded));
    }
}

#[test]
fn accepted_misfit_is_approved() {
    let usd = money("usd", 10);
    let mut known = known(&usd, PaymentStatus::Pending, Authority::Signed);
    known.state.received = 9;
    let next = taken(plan(known, News::Accepted));
    assert_eq!(next.tells, Some((Output::Approved, true)));
    assert!(next.settles_money);
    known.state.status = PaymentStatus::Canceled;
    // Also an attempt that the flow was told nothing of, because a backup had lost it.
    for told in [Some((Output::Rejected, true)), None] {
        known.told = told;
        let next = taken(plan(known, News::Accepted));
        assert_eq!((next.state.status, next.tells), (PaymentStatus::Canceled, None));
    }
}

#[test]
fn refund_that_fails_later_is_told() {
    let usd = money("usd", 10);
    let mut known = known(&usd, PaymentStatus::Approved, Authority::Signed);
    known.state.refunded = Some(4);
    let of = |refunded| Payment {
        refunded: Some(refunded),
        ..payment(PaymentStatus::Approved, 10, usd.clone())
    };
    let (more, less) = (of(7), of(1));
    let notices = |news| taken(plan(known, news)).notices;
    assert_eq!(notices(fetched(&more)).refunded, Some(3));
    assert_eq!(notices(fetched(&less)).refund_failed, Some(3));
    // An event may be older than what was fetched.
    let event = |payment| News::Event { payment, occurred_at: 200 };
    assert_eq!(plan(known, event(&more)), Step::Ask);
    assert_eq!(notices(event(&less)), Notices::default());
}
