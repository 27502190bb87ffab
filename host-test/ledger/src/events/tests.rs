//! What events and answers do to a payment, on a ledger on disk.

use super::*;
use crate::PaymentTerms;
use crate::prune::Pruned;
use crate::types::{Awaited, Mode, Money, PaymentStatus, Refund};
use crate::{
    Attempt, AttentionCode, FetchOutcome, NewPayment, RefundReservation, Reservation,
    ReservedRefund, StoredInstallation,
};

pub(super) fn scope() -> Scope {
    Scope { workspace: "w".to_owned(), provider: "P".to_owned(), mode: Mode::Test }
}

pub(super) fn payment(status: PaymentStatus, created_at: u64) -> Payment {
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
    }
}

pub(super) fn event(id: &str, status: PaymentStatus, occurred_at: u64) -> Event {
    Event {
        id: id.to_owned(),
        event_type: "t".to_owned(),
        occurred_at,
        subject: EventSubject::Payment(Box::new(payment(status, 100))),
        authority: Authority::Signed,
    }
}

/// A ledger on disk with one payment that was created at second 100.
pub(super) fn ledger(directory: &std::path::Path) -> Ledger {
    let mut ledger = Ledger::open(&directory.join("ledger.sqlite")).unwrap();
    let installation = StoredInstallation::installing("i", "w", "P", crate::Component::some());
    ledger.begin_installation(&installation, 1).unwrap();
    let reserved = ledger.reserve(&scope(), &new_payment(), 1).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, .. }));
    created(&mut ledger, &payment(PaymentStatus::Pending, 100));
    ledger
}

pub(super) fn new_payment() -> NewPayment {
    NewPayment {
        installation: "i".to_owned(),
        reference: "order-1".to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        terms: terms(),
    }
}

fn terms() -> PaymentTerms {
    PaymentTerms {
        description: None,
        success_url: "https://example.com".to_owned(),
        cancel_url: None,
        expires_at: None,
        has_manual_capture: false,
    }
}

fn created(ledger: &mut Ledger, payment: &Payment) -> StoredPayment {
    let holder = ledger.payment(&scope(), "order-1").unwrap();
    let attempt = holder.map_or_else(attempt, |holder| holder.attempt);
    ledger.record_created(&scope(), &new_payment(), &attempt, payment, 1).unwrap().unwrap()
}

/// An attempt that no payment was reserved for.
fn attempt() -> Attempt {
    Attempt { id: "another-attempt".to_owned(), reserved_at: 1, idempotency_key: "key".to_owned() }
}

/// The payment in an event.
pub(super) fn payment_of(event: &mut Event) -> &mut Payment {
    match &mut event.subject {
        EventSubject::Payment(payment) => payment,
        _ => panic!("the event has no payment"),
    }
}

#[test]
fn refund_event_refetches_a_final_payment() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let paid = event("evt_1", PaymentStatus::Approved, 101);
    ledger.record_event(&scope(), Some("i"), &paid, &Refetch::NotTried, 2).unwrap();
    let refund = |id: &str, payment: &str| Event {
        subject: EventSubject::Refund(Refund {
            id: "re_1".to_owned(),
            payment: payment.to_owned(),
            has_failed: false,
            amount: Money { minor_units: 4, currency: "usd".to_owned() },
            failure: None,
        }),
        ..event(id, PaymentStatus::Approved, 102)
    };
    let foreign = refund("evt_2", "pi_9");
    let ignored = ledger.record_event(&scope(), None, &foreign, &Refetch::NotTried, 3).unwrap();
    assert_eq!(ignored, EventOutcome::Foreign);

    let first = refund("evt_3", "pi_1");
    let kept = ledger.record_event(&scope(), None, &first, &Refetch::Later, 3).unwrap();
    assert_eq!(kept, EventOutcome::Recorded { has_closing: false });
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(known.needs_refetch && known.status == PaymentStatus::Approved);

    let second = refund("evt_4", "pi_1");
    let asked = ledger.record_event(&scope(), None, &second, &Refetch::NotTried, 4).unwrap();
    let EventOutcome::NeedsRefetch { version } = asked else {
        panic!("a refund event was applied without a refetch")
    };
    let mut now = payment(PaymentStatus::Approved, 100);
    now.refunded = Some(4);
    let truth = Refetch::Fetched { payment: Box::new(now), version };
    ledger.record_event(&scope(), None, &second, &truth, 4).unwrap();
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(!known.needs_refetch && known.status == PaymentStatus::Approved);
    assert_eq!(known.refunded, Some(4));
    assert_eq!(outputs(&ledger), ["Pending", "Approved"]);
}

#[test]
fn success_counts_for_its_own_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let first = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    let canceled = event("evt_1", PaymentStatus::Canceled, 101);
    ledger.record_event(&scope(), Some("i"), &canceled, &Refetch::NotTried, 2).unwrap();
    ledger.reserve(&scope(), &new_payment(), 3).unwrap();
    // Its id is not known yet, and both attempts have its reference.
    let mut late = event("evt_2", PaymentStatus::Approved, 104);
    payment_of(&mut late).id = "pi_9".to_owned();
    payment_of(&mut late).aliases = vec!["pi_9".to_owned()];
    payment_of(&mut late).attempt_id = Some(first.attempt.id);
    ledger.record_event(&scope(), Some("i"), &late, &Refetch::NotTried, 4).unwrap();
    let second = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert_eq!(second.status, PaymentStatus::Pending);
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    // A person has to know, and the second page is closed as soon as it has an id.
    let attention = ledger.attention(&scope(), 10).unwrap();
    let late = attention.iter().map(|entry| (entry.code, entry.payment.as_deref()));
    assert_eq!(late.collect::<Vec<_>>(), [(AttentionCode::PaidLate, Some("pi_9"))]);
    assert!(second.needs_closing && ledger.payments_to_close(&scope(), 10, 10).unwrap().is_empty());
    let mut page = payment(PaymentStatus::Pending, 105);
    (page.id, page.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    created(&mut ledger, &page);
    let to_close = ledger.payments_to_close(&scope(), 10, 10).unwrap();
    assert_eq!(to_close.len(), 1);
    ledger.record_closed(&to_close[0]).unwrap();
    assert!(ledger.payments_to_close(&scope(), 10, 10).unwrap().is_empty());
}

#[test]
fn prune_keeps_what_money_needs() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let order = NewPayment { reference: "open".to_owned(), ..new_payment() };
    ledger.reserve(&scope(), &order, 1).unwrap();
    let mut early = event("evt_9", PaymentStatus::Approved, 101);
    payment_of(&mut early).reference = Some("never".to_owned());
    (payment_of(&mut early).id, payment_of(&mut early).aliases) = ("pi_9".to_owned(), Vec::new());
    let paid = event("evt_1", PaymentStatus::Approved, 101);
    for event in [early, paid.clone()] {
        ledger.record_event(&scope(), Some("i"), &event, &Refetch::NotTried, 2).unwrap();
    }
    reserved(reserve_refund(&mut ledger, "r", Some(4)));
    assert_eq!(ledger.prune(1).unwrap(), Pruned::default());
    let pruned = ledger.prune(1000).unwrap();
    assert_eq!(pruned, Pruned { events: 1, transitions: 1, early_events: 1, attention: 0 });
    assert_eq!(outputs(&ledger), ["Approved"]);
    let stored = ledger.payment(&scope(), "pi_1").unwrap().unwrap();
    assert_eq!((stored.status, stored.received), (PaymentStatus::Approved, 10));
    assert!(!reserved(reserve_refund(&mut ledger, "r", None)).is_new);
    assert!(ledger.payment(&scope(), "open").unwrap().is_some());
    // An event that is delivered again changes nothing.
    ledger.record_event(&scope(), Some("i"), &paid, &Refetch::NotTried, 3).unwrap();
    assert_eq!(outputs(&ledger), ["Approved"]);
}

#[test]
fn late_money_holds_its_reference_until_it_is_refunded() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    for (id, status, at) in
        [("evt_1", PaymentStatus::Canceled, 101), ("evt_2", PaymentStatus::Approved, 102)]
    {
        let event = event(id, status, at);
        ledger.record_event(&scope(), Some("i"), &event, &Refetch::NotTried, 2).unwrap();
    }
    let reserved = ledger.reserve(&scope(), &new_payment(), 3).unwrap();
    assert!(matches!(reserved, Reservation::PaidLate(_)), "{reserved:?}");
    let stored = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    let mut refunded = payment(PaymentStatus::Approved, 100);
    refunded.refunded = Some(10);
    ledger.record_fetched(&scope(), &refunded, Some(stored.version), 4).unwrap();
    let reserved = ledger.reserve(&scope(), &new_payment(), 5).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, .. }), "{reserved:?}");
}

#[test]
fn replaced_attempt_is_over_and_its_page_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let order = NewPayment { reference: "order-2".to_owned(), ..new_payment() };
    let reserved = ledger.reserve(&scope(), &order, 1).unwrap();
    let Reservation::Reserved { attempt: first, .. } = reserved else { panic!("{reserved:?}") };
    let second = ledger.replace_attempt(&scope(), &order, &first, 2).unwrap();
    assert_ne!(first.idempotency_key, second.idempotency_key);
    assert_eq!(ledger.replace_attempt(&scope(), &order, &first, 3).unwrap(), second);
    // The flow hears of the second only.
    let page = |id: &str, attempt: &Attempt| Payment {
        id: id.to_owned(),
        aliases: vec![id.to_owned()],
        reference: Some("order-2".to_owned()),
        attempt_id: Some(attempt.id.clone()),
        ..payment(PaymentStatus::Pending, 100)
    };
    ledger.record_created(&scope(), &order, &second, &page("pi_3", &second), 3).unwrap();
    ledger.record_created(&scope(), &order, &first, &page("pi_2", &first), 4).unwrap();
    assert_eq!(outputs(&ledger), ["Pending", "Pending"]);
    let to_close = ledger.payments_to_close(&scope(), 10, 10).unwrap();
    let ids = to_close.iter().map(|payment| payment.remote_id.as_deref());
    assert_eq!(ids.collect::<Vec<_>>(), [Some("pi_2")]);
}

#[test]
fn early_event_waits_for_its_own_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut expired = event("evt_1", PaymentStatus::Canceled, 150);
    payment_of(&mut expired).id = "cs_9".to_owned();
    payment_of(&mut expired).aliases = vec!["cs_9".to_owned()];
    payment_of(&mut expired).reference = Some("order-2".to_owned());
    payment_of(&mut expired).attempt_id = Some("given-up".to_owned());
    let kept = ledger.record_event(&scope(), None, &expired, &Refetch::NotTried, 7).unwrap();
    assert_eq!(kept, EventOutcome::Early);
    let order = NewPayment { reference: "order-2".to_owned(), ..new_payment() };
    let reserved = ledger.reserve(&scope(), &order, 8).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!() };
    let mut second = payment(PaymentStatus::Pending, 100);
    (second.id, second.aliases) = ("cs_2".to_owned(), vec!["cs_2".to_owned()]);
    let known = ledger.record_created(&scope(), &order, &attempt, &second, 9).unwrap().unwrap();
    assert_eq!((known.status, known.needs_refetch), (PaymentStatus::Pending, false));
}

#[test]
fn late_fetch_does_not_undo_a_newer_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let fetched = |id: &str, refunded| {
        let mut event = event(id, PaymentStatus::Approved, 101);
        event.authority = Authority::Fetched;
        payment_of(&mut event).refunded = Some(refunded);
        event
    };
    let newer = fetched("evt_2", 3);
    let asked = ledger.record_event(&scope(), None, &newer, &Refetch::NotTried, 2).unwrap();
    let EventOutcome::NeedsRefetch { version } = asked else {
        panic!("a fetched event was applied without a refetch")
    };
    let EventSubject::Payment(now) = newer.subject.clone() else { panic!() };
    let truth = Refetch::Fetched { payment: now, version };
    ledger.record_event(&scope(), None, &newer, &truth, 2).unwrap();
    // Fetched before the newer one, and recorded after it.
    let older = fetched("evt_1", 0);
    let EventSubject::Payment(before) = older.subject.clone() else { panic!() };
    let stale = Refetch::Fetched { payment: before, version };
    let again = ledger.record_event(&scope(), None, &older, &stale, 3).unwrap();
    assert!(matches!(again, EventOutcome::NeedsRefetch { .. }));
    assert_eq!(ledger.payment(&scope(), "order-1").unwrap().unwrap().refunded, Some(3));
}

fn reserve_refund(
    ledger: &mut Ledger,
    reference: &str,
    minor_units: Option<u64>,
) -> RefundReservation {
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    ledger.reserve_refund(&known, reference, minor_units, 5).unwrap()
}

fn reserved(reservation: RefundReservation) -> ReservedRefund {
    match reservation {
        RefundReservation::Reserved(reserved) => reserved,
        other => panic!("{other:?}"),
    }
}

#[test]
fn repeated_refund_keeps_its_attempt_until_released() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let paid = event("evt_1", PaymentStatus::Approved, 101);
    ledger.record_event(&scope(), Some("i"), &paid, &Refetch::NotTried, 2).unwrap();
    let first = reserved(reserve_refund(&mut ledger, "r", Some(4)));
    assert_eq!((first.minor_units, first.is_new), (Some(4), true));
    for again in [Some(4), None] {
        let again = reserved(reserve_refund(&mut ledger, "r", again));
        assert_eq!((again.minor_units, again.is_new), (Some(4), false));
        assert_eq!(again.attempt, first.attempt);
    }
    assert!(matches!(
        reserve_refund(&mut ledger, "r", Some(5)),
        RefundReservation::AmountDiffers(4)
    ));
    ledger.release_refund(&first.attempt.id, 6).unwrap();
    let second = reserved(reserve_refund(&mut ledger, "r", Some(5)));
    assert!(second.is_new && second.attempt != first.attempt);
}

#[test]
fn refunds_never_exceed_what_was_received() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let paid = event("evt_1", PaymentStatus::Approved, 101);
    ledger.record_event(&scope(), Some("i"), &paid, &Refetch::NotTried, 2).unwrap();
    let received = ledger.payment(&scope(), "order-1").unwrap().unwrap().received;
    assert_eq!(reserved(reserve_refund(&mut ledger, "first", Some(4))).minor_units, Some(4));
    let left = received - 4;
    let too_much = reserve_refund(&mut ledger, "second", Some(left + 1));
    assert_eq!(too_much, RefundReservation::TooMuch { left });
    assert_eq!(reserved(reserve_refund(&mut ledger, "second", None)).minor_units, Some(left));
    let nothing = reserve_refund(&mut ledger, "third", None);
    assert!(matches!(nothing, RefundReservation::TooMuch { left: 0 }));
}

#[test]
fn canceled_payment_frees_its_reference() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let canceled = event("evt_1", PaymentStatus::Canceled, 101);
    ledger.record_event(&scope(), Some("i"), &canceled, &Refetch::NotTried, 2).unwrap();
    let reserved = ledger.reserve(&scope(), &new_payment(), 3).unwrap();
    assert!(matches!(reserved, Reservation::Reserved { is_new: true, .. }));
    let mut second = payment(PaymentStatus::Pending, 103);
    (second.id, second.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    assert_eq!(created(&mut ledger, &second).remote_id.as_deref(), Some("pi_2"));
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Pending"]);
    // An event of the first payment does not change the second.
    let late = event("evt_2", PaymentStatus::Approved, 104);
    ledger.record_event(&scope(), Some("i"), &late, &Refetch::NotTried, 4).unwrap();
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Pending"]);
}

#[test]
fn released_reference_is_reserved_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut order = new_payment();
    order.reference = "order-2".to_owned();
    let reserved = ledger.reserve(&scope(), &order, 1).unwrap();
    let Reservation::Reserved { attempt: first, .. } = reserved else { panic!() };
    ledger.release(&first).unwrap();
    let mut second = payment(PaymentStatus::Pending, 103);
    (second.id, second.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    let stored = ledger.record_created(&scope(), &order, &attempt(), &second, 2).unwrap().unwrap();
    assert_eq!((stored.reference.as_str(), stored.remote_id.as_deref()), ("order-2", Some("pi_2")));
}

pub(super) fn outputs(ledger: &Ledger) -> Vec<String> {
    ledger
        .transitions(&scope(), 0, 100)
        .unwrap()
        .into_iter()
        .filter_map(|transition| transition.output().map(str::to_owned))
        .collect()
}

#[test]
fn outdated_answer_is_fetched_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let asked = ledger.payment(&scope(), "order-1").unwrap().unwrap().version;
    let declined = event("evt_1", PaymentStatus::Rejected, 101);
    ledger.record_event(&scope(), Some("i"), &declined, &Refetch::NotTried, 2).unwrap();
    let old = payment(PaymentStatus::Pending, 100);
    let outcome = ledger.record_fetched(&scope(), &old, Some(asked), 3).unwrap();
    let FetchOutcome::Outdated { version } = outcome else {
        panic!("the outdated answer was recorded")
    };
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    // A repeated answer to the creation is outdated as well.
    created(&mut ledger, &old);
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    let paid = payment(PaymentStatus::Approved, 100);
    let outcome = ledger.record_fetched(&scope(), &paid, Some(version), 4).unwrap();
    assert!(matches!(outcome, FetchOutcome::Recorded { .. }));
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Approved"]);
}

#[test]
fn tie_is_refetched_or_marked() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let tie = event("evt_1", PaymentStatus::Rejected, 100);
    let first = ledger.record_event(&scope(), Some("i"), &tie, &Refetch::NotTried, 2).unwrap();
    let EventOutcome::NeedsRefetch { version } = first else {
        panic!("a tie was applied without a refetch")
    };
    let wrong = Refetch::Fetched {
        payment: Box::new(payment(PaymentStatus::Rejected, 100)),
        version: version + 1,
    };
    let again = ledger.record_event(&scope(), Some("i"), &tie, &wrong, 2).unwrap();
    assert_eq!(again, EventOutcome::NeedsRefetch { version });
    let kept = ledger.record_event(&scope(), Some("i"), &tie, &Refetch::Later, 2).unwrap();
    assert_eq!(kept, EventOutcome::Recorded { has_closing: false });
    assert!(ledger.payment(&scope(), "order-1").unwrap().unwrap().needs_refetch);
    assert_eq!(outputs(&ledger), ["Pending"]);
    let twice = ledger.record_event(&scope(), Some("i"), &tie, &Refetch::NotTried, 2).unwrap();
    assert_eq!(twice, EventOutcome::Duplicate);
}

#[test]
fn too_little_money_is_never_approved() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let mut short = event("evt_1", PaymentStatus::Approved, 101);
    payment_of(&mut short).received = 9;
    ledger.record_event(&scope(), Some("i"), &short, &Refetch::NotTried, 2).unwrap();
    let known = ledger.payment(&scope(), "order-1").unwrap().unwrap();
    assert!(known.status == PaymentStatus::Pending && !known.needs_refetch);
    assert_eq!(outputs(&ledger), ["Pending"]);
}

#[test]
fn early_event_is_applied_once_the_payment_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let named = |id: &str, reference: &str, status, at| {
        let mut event = event(id, status, at);
        payment_of(&mut event).id = "pi_2".to_owned();
        payment_of(&mut event).aliases = vec!["pi_2".to_owned()];
        payment_of(&mut event).reference = Some(reference.to_owned());
        event
    };
    let declined = named("evt_1", "order-2", PaymentStatus::Rejected, 150);
    let paid = named("evt_2", "order-2", PaymentStatus::Approved, 160);
    for event in [&paid, &declined, &paid] {
        let kept = ledger.record_event(&scope(), Some("i"), event, &Refetch::NotTried, 7).unwrap();
        assert_eq!(kept, EventOutcome::Early);
    }
    let mut foreign = named("evt_3", "", PaymentStatus::Approved, 160);
    payment_of(&mut foreign).reference = None;
    let ignored = ledger.record_event(&scope(), None, &foreign, &Refetch::NotTried, 7).unwrap();
    assert_eq!(ignored, EventOutcome::Foreign);

    let order = NewPayment { reference: "order-2".to_owned(), ..new_payment() };
    let reserved = ledger.reserve(&scope(), &order, 8).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    let mut created = payment(PaymentStatus::Pending, 100);
    created.id = "cs_2".to_owned();
    created.aliases = vec!["cs_2".to_owned()];
    let known = ledger.record_created(&scope(), &order, &attempt, &created, 9).unwrap().unwrap();
    assert_eq!((known.status, known.remote_id.as_deref()), (PaymentStatus::Approved, Some("pi_2")));
    let outputs: Vec<_> = ledger
        .transitions(&scope(), 0, 100)
        .unwrap()
        .into_iter()
        .filter(|transition| transition.reference == "order-2")
        .filter_map(|transition| transition.output().map(str::to_owned))
        .collect();
    assert_eq!(outputs, ["Pending", "Rejected", "Approved"]);
    let again = ledger.record_event(&scope(), Some("i"), &paid, &Refetch::NotTried, 10).unwrap();
    assert_eq!(again, EventOutcome::Duplicate);
}
