//! Events, answers and what they do to a payment, on a ledger on disk.

use super::*;
use crate::contract::types::{Mode, Money, PaymentStatus};
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
        checkout_url: None,
        created_at,
        extras: Vec::new(),
    }
}

fn event(id: &str, status: PaymentStatus, occurred_at: u64) -> PaymentEvent {
    PaymentEvent {
        event_id: id.to_owned(),
        event_type: "t".to_owned(),
        occurred_at,
        payment: payment(status, 100),
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
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, attempt: 0 }));
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
    ledger.record_created(&scope(), &order(), payment, 1).unwrap().unwrap()
}

#[test]
fn a_canceled_payment_frees_its_reference_for_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let canceled = event("evt_1", PaymentStatus::Canceled, 101);
    ledger.record_event(&scope(), Some("i"), &canceled, &Truth::NotAsked, 2).unwrap();
    let reserved = ledger.reserve(&scope(), &order(), 3).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, attempt: 1 }));
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
    ledger.reserve(&scope(), &order, 1).unwrap();
    ledger.release(&scope(), "order-2").unwrap();
    let mut second = payment(PaymentStatus::Pending, 103);
    (second.id, second.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    let stored = ledger.record_created(&scope(), &order, &second, 2).unwrap().unwrap();
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
    short.payment.received = 9;
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
        event.payment.id = "pi_2".to_owned();
        event.payment.aliases = vec!["pi_2".to_owned()];
        event.payment.reference = Some(reference.to_owned());
        event
    };
    let declined = named("evt_1", "order-2", PaymentStatus::Rejected, 150);
    let paid = named("evt_2", "order-2", PaymentStatus::Approved, 160);
    for event in [&paid, &declined, &paid] {
        let kept = ledger.record_event(&scope(), Some("i"), event, &Truth::NotAsked, 7).unwrap();
        assert_eq!(kept, Recorded::Early);
    }
    let mut foreign = named("evt_3", "", PaymentStatus::Approved, 160);
    foreign.payment.reference = None;
    let ignored = ledger.record_event(&scope(), None, &foreign, &Truth::NotAsked, 7).unwrap();
    assert_eq!(ignored, Recorded::Foreign);

    let order = Order { reference: "order-2".to_owned(), ..order() };
    ledger.reserve(&scope(), &order, 8).unwrap();
    let mut created = payment(PaymentStatus::Pending, 100);
    created.id = "cs_2".to_owned();
    created.aliases = vec!["cs_2".to_owned()];
    let known = ledger.record_created(&scope(), &order, &created, 9).unwrap().unwrap();
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
