//! Events, answers and what they do to a payment, on a ledger on disk.

use super::*;
use crate::contract::types::{Mode, Money, PaymentStatus, Refund, RefundStatus};
use crate::ledger::Reservation;

fn scope() -> Scope {
    Scope { workspace: "w".to_owned(), provider: "P".to_owned(), mode: Mode::Test }
}

fn payment(status: PaymentStatus, created_at: u64) -> Payment {
    let is_paid = status == PaymentStatus::Approved;
    Payment {
        id: "pi_1".to_owned(),
        aliases: vec!["pi_1".to_owned()],
        reference: Some("order-1".to_owned()),
        mode: Mode::Test,
        status,
        provider_status: status.as_str().to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        received: if is_paid { 10 } else { 0 },
        refunded: None,
        failure: None,
        attempt_id: None,
        awaits: Awaited::Customer(None),
        disputes: Vec::new(),
        created_at,
        extras: Vec::new(),
    }
}

fn event(id: &str, status: PaymentStatus, occurred_at: u64) -> Event {
    Event {
        id: id.to_owned(),
        event_type: "t".to_owned(),
        occurred_at,
        subject: EventSubject::Payment(payment(status, 100)),
        authority: Authority::Signed,
    }
}

/// A ledger on disk with one payment that was created at second 100.
fn ledger(directory: &std::path::Path) -> Ledger {
    let mut ledger = Ledger::open(&directory.join("ledger.sqlite")).unwrap();
    let row = crate::ledger::InstallationRow {
        id: "i".to_owned(),
        workspace: "w".to_owned(),
        provider: "P".to_owned(),
        state: crate::ledger::State::Installing,
        webhook_is_manual: false,
        credentials: None,
        record: None,
        mode: None,
    };
    ledger.begin_installation(&row, "c", 1).unwrap();
    let reserved = ledger.reserve(&scope(), &order(), 1).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, .. }));
    created(&mut ledger, &payment(PaymentStatus::Pending, 100));
    ledger
}

fn order() -> Order {
    Order {
        installation: "i".to_owned(),
        reference: "order-1".to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
    }
}

fn created(ledger: &mut Ledger, payment: &Payment) -> StoredPayment {
    ledger.record_created(&scope(), &order(), &attempt(), payment, 1).unwrap().unwrap()
}

/// An attempt that nothing is reserved for.
fn attempt() -> Attempt {
    Attempt { id: "another-attempt".to_owned(), reserved_at: 1 }
}

/// The payment that an event is about.
fn about(event: &mut Event) -> &mut Payment {
    match &mut event.subject {
        EventSubject::Payment(payment) => payment,
        _ => panic!("the event is about no payment"),
    }
}

#[test]
fn refund_event_makes_us_ask_also_about_a_payment_that_is_final() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let paid = event("evt_1", PaymentStatus::Approved, 101);
    ledger.record_event(&scope(), Some("i"), &paid, &Truth::NotAsked, 2).unwrap();
    let refund = |id: &str, payment: &str| Event {
        subject: EventSubject::Refund(Refund {
            id: "re_1".to_owned(),
            payment: payment.to_owned(),
            reference: None,
            attempt_id: None,
            status: RefundStatus::Failed,
            amount: Money { minor_units: 4, currency: "usd".to_owned() },
            failure: None,
            created_at: 102,
        }),
        ..event(id, PaymentStatus::Approved, 102)
    };
    let foreign = refund("evt_2", "pi_9");
    let ignored = ledger.record_event(&scope(), None, &foreign, &Truth::NotAsked, 3).unwrap();
    assert_eq!(ignored, Recorded::Foreign);

    let first = refund("evt_3", "pi_1");
    let kept = ledger.record_event(&scope(), None, &first, &Truth::CouldNotAsk, 3).unwrap();
    assert_eq!(kept, Recorded::Recorded);
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(!known.settled && known.status == PaymentStatus::Approved);

    let second = refund("evt_4", "pi_1");
    let asked = ledger.record_event(&scope(), None, &second, &Truth::NotAsked, 4).unwrap();
    let Recorded::MustAsk(version) = asked else { panic!("a refund was believed") };
    let mut now = payment(PaymentStatus::Approved, 100);
    now.refunded = Some(4);
    let truth = Truth::Fetched(Box::new(now), version);
    ledger.record_event(&scope(), None, &second, &truth, 4).unwrap();
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(known.settled && known.status == PaymentStatus::Approved);
    assert_eq!(known.refunded, Some(4));
    assert_eq!(outputs(&ledger), ["Pending", "Approved"]);
}

#[test]
fn success_belongs_to_its_own_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let first = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    let canceled = event("evt_1", PaymentStatus::Canceled, 101);
    ledger.record_event(&scope(), Some("i"), &canceled, &Truth::NotAsked, 2).unwrap();
    ledger.reserve(&scope(), &order(), 3).unwrap();
    // By an id that is not known yet, and the reference of both.
    let mut late = event("evt_2", PaymentStatus::Approved, 104);
    about(&mut late).id = "pi_9".to_owned();
    about(&mut late).aliases = vec!["pi_9".to_owned()];
    about(&mut late).attempt_id = Some(first.attempt.id);
    ledger.record_event(&scope(), Some("i"), &late, &Truth::NotAsked, 4).unwrap();
    let second = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert_eq!(second.status, PaymentStatus::Pending);
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
}

#[test]
fn event_of_another_attempt_waits_for_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut expired = event("evt_1", PaymentStatus::Canceled, 150);
    about(&mut expired).id = "cs_9".to_owned();
    about(&mut expired).aliases = vec!["cs_9".to_owned()];
    about(&mut expired).reference = Some("order-2".to_owned());
    about(&mut expired).attempt_id = Some("given-up".to_owned());
    let kept = ledger.record_event(&scope(), None, &expired, &Truth::NotAsked, 7).unwrap();
    assert_eq!(kept, Recorded::Early);
    let order = Order { reference: "order-2".to_owned(), ..order() };
    let reserved = ledger.reserve(&scope(), &order, 8).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!() };
    let mut second = payment(PaymentStatus::Pending, 100);
    (second.id, second.aliases) = ("cs_2".to_owned(), vec!["cs_2".to_owned()]);
    let known = ledger.record_created(&scope(), &order, &attempt, &second, 9).unwrap().unwrap();
    assert_eq!((known.status, known.settled), (PaymentStatus::Pending, true));
}

#[test]
fn what_was_fetched_for_an_event_does_not_undo_newer_news() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let fetched = |id: &str, refunded| {
        let mut event = event(id, PaymentStatus::Approved, 101);
        event.authority = Authority::Fetched;
        about(&mut event).refunded = Some(refunded);
        event
    };
    let newer = fetched("evt_2", 3);
    let asked = ledger.record_event(&scope(), None, &newer, &Truth::NotAsked, 2).unwrap();
    let Recorded::MustAsk(version) = asked else { panic!("what was fetched was believed") };
    let EventSubject::Payment(now) = newer.subject.clone() else { panic!() };
    let truth = Truth::Fetched(Box::new(now), version);
    ledger.record_event(&scope(), None, &newer, &truth, 2).unwrap();
    // Asked for before, and recorded afterwards.
    let older = fetched("evt_1", 0);
    let EventSubject::Payment(before) = older.subject.clone() else { panic!() };
    let stale = Truth::Fetched(Box::new(before), version);
    let again = ledger.record_event(&scope(), None, &older, &stale, 3).unwrap();
    assert!(matches!(again, Recorded::MustAsk(_)));
    assert_eq!(ledger.payment(&scope(), "order-1").unwrap().unwrap().refunded, Some(3));
}

#[test]
fn repeated_refund_is_the_same_attempt_until_it_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    let (first, is_new) = ledger.reserve_refund(&known, "r", 5).unwrap();
    assert!(is_new);
    assert_eq!(ledger.reserve_refund(&known, "r", 6).unwrap(), (first.clone(), false));
    assert_ne!(ledger.reserve_refund(&known, "other", 6).unwrap().0, first);
    ledger.release_refund(&first.id).unwrap();
    let (second, is_new) = ledger.reserve_refund(&known, "r", 7).unwrap();
    assert!(is_new && second != first);
}

#[test]
fn a_canceled_payment_frees_its_reference_for_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let canceled = event("evt_1", PaymentStatus::Canceled, 101);
    ledger.record_event(&scope(), Some("i"), &canceled, &Truth::NotAsked, 2).unwrap();
    let reserved = ledger.reserve(&scope(), &order(), 3).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, .. }));
    let mut second = payment(PaymentStatus::Pending, 103);
    (second.id, second.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    assert_eq!(created(&mut ledger, &second).name.as_deref(), Some("pi_2"));
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Pending"]);
    // The first one's events are still the first one's.
    let late = event("evt_2", PaymentStatus::Approved, 104);
    ledger.record_event(&scope(), Some("i"), &late, &Truth::NotAsked, 4).unwrap();
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Pending"]);
}

#[test]
fn a_reference_that_was_given_back_meanwhile_is_taken_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut order = order();
    order.reference = "order-2".to_owned();
    let reserved = ledger.reserve(&scope(), &order, 1).unwrap();
    let Reservation::Reserved { attempt: first, .. } = reserved else { panic!() };
    ledger.release(&first).unwrap();
    let mut second = payment(PaymentStatus::Pending, 103);
    (second.id, second.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    let stored = ledger.record_created(&scope(), &order, &attempt(), &second, 2).unwrap().unwrap();
    assert_eq!((stored.reference.as_str(), stored.name.as_deref()), ("order-2", Some("pi_2")));
}

fn outputs(ledger: &Ledger) -> Vec<String> {
    ledger.transitions("w", 0).unwrap().into_iter().map(|told| told.output).collect()
}

#[test]
fn an_answer_that_is_older_than_the_latest_news_is_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let asked = ledger.payment(&scope(), "order-1").unwrap().unwrap().version;
    let declined = event("evt_1", PaymentStatus::Rejected, 101);
    ledger.record_event(&scope(), Some("i"), &declined, &Truth::NotAsked, 2).unwrap();
    let old = payment(PaymentStatus::Pending, 100);
    let outcome = ledger.record_fetched(&scope(), &old, Some(asked), 3).unwrap();
    let Asked::Outdated(version) = outcome else { panic!("the old answer was taken") };
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    // The answer to the creation, repeated, is old as well.
    created(&mut ledger, &old);
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    let paid = payment(PaymentStatus::Approved, 100);
    let outcome = ledger.record_fetched(&scope(), &paid, Some(version), 4).unwrap();
    assert!(matches!(outcome, Asked::Recorded(_)));
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Approved"]);
}

#[test]
fn a_tie_is_settled_by_asking_and_kept_when_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let tie = event("evt_1", PaymentStatus::Rejected, 100);
    let first = ledger.record_event(&scope(), Some("i"), &tie, &Truth::NotAsked, 2).unwrap();
    let Recorded::MustAsk(version) = first else { panic!("a tie was believed") };
    let wrong = Truth::Fetched(Box::new(payment(PaymentStatus::Rejected, 100)), version + 1);
    let again = ledger.record_event(&scope(), Some("i"), &tie, &wrong, 2).unwrap();
    assert_eq!(again, Recorded::MustAsk(version));
    let kept = ledger.record_event(&scope(), Some("i"), &tie, &Truth::CouldNotAsk, 2).unwrap();
    assert_eq!(kept, Recorded::Recorded);
    assert!(!ledger.payment(&scope(), "order-1").unwrap().unwrap().settled);
    assert_eq!(outputs(&ledger), ["Pending"]);
    let twice = ledger.record_event(&scope(), Some("i"), &tie, &Truth::NotAsked, 2).unwrap();
    assert_eq!(twice, Recorded::Duplicate);
}

#[test]
fn too_little_money_is_never_approved() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut short = event("evt_1", PaymentStatus::Approved, 101);
    about(&mut short).received = 9;
    ledger.record_event(&scope(), Some("i"), &short, &Truth::NotAsked, 2).unwrap();
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(known.status == PaymentStatus::Pending && !known.settled);
    assert_eq!(outputs(&ledger), ["Pending"]);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sqlite");
    drop(Ledger::open(&path).unwrap());
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Newer(99))));
}

#[test]
fn an_event_that_comes_before_its_payment_is_kept_and_applied_when_the_payment_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let named = |id: &str, reference: &str, status, at| {
        let mut event = event(id, status, at);
        about(&mut event).id = "pi_2".to_owned();
        about(&mut event).aliases = vec!["pi_2".to_owned()];
        about(&mut event).reference = Some(reference.to_owned());
        event
    };
    let declined = named("evt_1", "order-2", PaymentStatus::Rejected, 150);
    let paid = named("evt_2", "order-2", PaymentStatus::Approved, 160);
    for event in [&paid, &declined, &paid] {
        let kept = ledger.record_event(&scope(), Some("i"), event, &Truth::NotAsked, 7).unwrap();
        assert_eq!(kept, Recorded::Early);
    }
    let mut foreign = named("evt_3", "", PaymentStatus::Approved, 160);
    about(&mut foreign).reference = None;
    let ignored = ledger.record_event(&scope(), None, &foreign, &Truth::NotAsked, 7).unwrap();
    assert_eq!(ignored, Recorded::Foreign);

    let order = Order { reference: "order-2".to_owned(), ..order() };
    ledger.reserve(&scope(), &order, 8).unwrap();
    let mut created = payment(PaymentStatus::Pending, 100);
    created.id = "cs_2".to_owned();
    created.aliases = vec!["cs_2".to_owned()];
    let known = ledger.record_created(&scope(), &order, &attempt(), &created, 9).unwrap().unwrap();
    assert_eq!((known.status, known.name.as_deref()), (PaymentStatus::Approved, Some("pi_2")));
    let outputs: Vec<_> = ledger
        .transitions("w", 0)
        .unwrap()
        .into_iter()
        .filter(|transition| transition.reference == "order-2")
        .map(|transition| transition.output)
        .collect();
    assert_eq!(outputs, ["Pending", "Rejected", "Approved"]);
    let again = ledger.record_event(&scope(), Some("i"), &paid, &Truth::NotAsked, 10).unwrap();
    assert_eq!(again, Recorded::Duplicate);
}
