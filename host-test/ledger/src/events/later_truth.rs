//! What becomes true after a flow has gone on: the flow is told once, and a person is called once.

use super::tests::{event, ledger, new_payment, outputs, payment, scope};
use super::*;
use crate::types::{Dispute, Money, PaymentStatus, Refund};
use crate::{AttentionClosed, AttentionCode, Reservation};

fn usd(minor_units: u64) -> Money {
    Money { minor_units, currency: "usd".to_owned() }
}

/// A ledger with an approved payment of 10.
fn approved(directory: &std::path::Path) -> Ledger {
    let mut ledger = ledger(directory);
    record(&mut ledger, &event("evt_paid", PaymentStatus::Approved, 101));
    ledger
}

fn record(ledger: &mut Ledger, event: &Event) {
    let outcome = ledger.record_event(&scope(), None, event, &Refetch::Later, 5).unwrap();
    assert!(matches!(outcome, EventOutcome::Recorded { .. }), "{outcome:?}");
}

fn fetch(ledger: &mut Ledger, payment: &Payment) {
    let version = ledger.payment(&scope(), "order-1").unwrap().unwrap().version;
    ledger.record_fetched(&scope(), payment, Some(version), 6).unwrap();
}

fn refunded(refunded: u64) -> Payment {
    Payment { refunded: Some(refunded), ..payment(PaymentStatus::Approved, 100) }
}

fn refund(id: &str, refund: &str, amount: u64, has_failed: bool) -> Event {
    let refund = Refund {
        id: refund.to_owned(),
        payment: "pi_1".to_owned(),
        has_failed,
        amount: usd(amount),
        failure: None,
    };
    Event { subject: EventSubject::Refund(refund), ..event(id, PaymentStatus::Approved, 110) }
}

fn dispute(status: &str) -> Dispute {
    Dispute {
        id: "du_1".to_owned(),
        payment: "pi_1".to_owned(),
        status: status.to_owned(),
        amount: usd(10),
        due_by: Some(900),
    }
}

fn dispute_event(id: &str, status: &str, occurred_at: u64) -> Event {
    let subject = EventSubject::Dispute(dispute(status));
    Event { subject, ..event(id, PaymentStatus::Approved, occurred_at) }
}

/// The notices, each with its amount.
fn notices(ledger: &Ledger) -> Vec<(String, u64)> {
    let transitions = ledger.transitions(&scope(), 0, 100).unwrap();
    let notice = |told| match told {
        crate::Told::Notice { notice, details } => {
            Some((notice, details.amount.map_or(0, |amount| amount.minor_units)))
        }
        crate::Told::Output { .. } => None,
    };
    transitions.into_iter().filter_map(|transition| notice(transition.told)).collect()
}

fn attention(ledger: &Ledger) -> Vec<AttentionCode> {
    ledger.attention(&scope(), 10).unwrap().into_iter().map(|entry| entry.code).collect()
}

fn told(notice: &str, amount: u64) -> (String, u64) {
    (notice.to_owned(), amount)
}

#[test]
fn failed_refund_is_told_once_however_it_is_seen() {
    // The event first, the smaller sum first, and both at once.
    for order in [[0, 1], [1, 0]] {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = approved(directory.path());
        fetch(&mut ledger, &refunded(4));
        for step in order {
            match step {
                0 => record(&mut ledger, &refund("evt_1", "re_1", 4, true)),
                _ => fetch(&mut ledger, &refunded(0)),
            }
        }
        record(&mut ledger, &refund("evt_2", "re_1", 4, true));
        fetch(&mut ledger, &refunded(0));
        assert_eq!(notices(&ledger), [told("refunded", 4), told("refund-failed", 4)]);
        assert_eq!(attention(&ledger), [AttentionCode::RefundFailed]);
        // A later refund, made here or elsewhere, settles it.
        let version = ledger.payment(&scope(), "order-1").unwrap().unwrap().version;
        ledger.record_fetched(&scope(), &refunded(4), Some(version), 7).unwrap();
        assert!(attention(&ledger).is_empty());
        assert_eq!(outputs(&ledger), ["Pending", "Approved"]);
    }
}

#[test]
fn two_failed_refunds_of_one_amount_are_two() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = approved(directory.path());
    fetch(&mut ledger, &refunded(8));
    record(&mut ledger, &refund("evt_1", "re_1", 4, true));
    fetch(&mut ledger, &refunded(4));
    fetch(&mut ledger, &refunded(0));
    record(&mut ledger, &refund("evt_2", "re_2", 4, true));
    let failed = told("refund-failed", 4);
    assert_eq!(notices(&ledger), [told("refunded", 8), failed.clone(), failed]);
}

#[test]
fn failed_refunds_are_told_in_sum_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = approved(directory.path());
    fetch(&mut ledger, &refunded(9));
    record(&mut ledger, &refund("evt_1", "re_1", 4, true));
    record(&mut ledger, &refund("evt_2", "re_2", 3, true));
    // Both are in one smaller sum.
    fetch(&mut ledger, &refunded(2));
    let failed = |amount| told("refund-failed", amount);
    assert_eq!(notices(&ledger), [told("refunded", 9), failed(4), failed(3)]);
    // A small refund does not settle a large one that has failed.
    let version = ledger.payment(&scope(), "order-1").unwrap().unwrap().version;
    ledger.record_fetched(&scope(), &refunded(5), Some(version), 7).unwrap();
    assert_eq!(attention(&ledger), [AttentionCode::RefundFailed]);
}

#[test]
fn dispute_is_told_when_it_is_opened_and_closed() {
    for is_fetched in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = approved(directory.path());
        let statuses = ["needs-response", "under-review", "won"];
        for (number, status) in (0_u64..).zip(statuses) {
            if is_fetched {
                let disputes = vec![dispute(status)];
                fetch(&mut ledger, &Payment { disputes, ..refunded(0) });
            } else {
                record(&mut ledger, &dispute_event(status, status, 200 + number));
            }
            let expected: &[AttentionCode] =
                if status == "won" { &[] } else { &[AttentionCode::Dispute] };
            assert_eq!(attention(&ledger), expected, "{status}");
        }
        // It is told once, and an event that comes late opens nothing again.
        record(&mut ledger, &dispute_event("again", "won", 300));
        record(&mut ledger, &dispute_event("late", "needs-response", 1));
        assert!(attention(&ledger).is_empty());
        assert_eq!(notices(&ledger), [told("disputed", 10), told("dispute-closed", 10)]);
        assert_eq!(outputs(&ledger), ["Pending", "Approved"]);
    }
}

/// A ledger with a payment for which 9 of 10 have arrived.
fn misfit(directory: &std::path::Path) -> (Ledger, u64) {
    let mut ledger = ledger(directory);
    fetch(&mut ledger, &Payment { received: 9, ..payment(PaymentStatus::Approved, 100) });
    let entry = ledger.attention(&scope(), 10).unwrap().remove(0);
    assert_eq!(entry.code, AttentionCode::AmountDiffers);
    assert_eq!((entry.details.amount, entry.asked), (Some(usd(9)), Some(usd(10))));
    (ledger, entry.id)
}

#[test]
fn accepted_money_is_approved_and_stays_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, id) = misfit(directory.path());
    let accept = |ledger: &mut Ledger, workspace, id| {
        ledger.accept_attention(workspace, "P", id, 7).unwrap()
    };
    assert_eq!(accept(&mut ledger, "another", id), AttentionClosed::Unknown);
    assert_eq!(accept(&mut ledger, "w", id), AttentionClosed::Done);
    assert_eq!(accept(&mut ledger, "w", id), AttentionClosed::Unknown);
    fetch(&mut ledger, &Payment { received: 9, ..payment(PaymentStatus::Approved, 100) });
    assert_eq!(outputs(&ledger), ["Pending", "Approved"]);
    assert!(attention(&ledger).is_empty());
}

#[test]
fn misfit_that_was_refunded_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, _) = misfit(directory.path());
    fetch(&mut ledger, &Payment { received: 9, ..refunded(9) });
    assert!(attention(&ledger).is_empty());
    assert_eq!(outputs(&ledger), ["Pending", "Rejected"]);
    let again = ledger.reserve(&scope(), &new_payment(), 8).unwrap();
    assert!(matches!(again, Reservation::Reserved { is_new: true, .. }), "{again:?}");
}

#[test]
fn what_a_person_has_resolved_is_not_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, id) = misfit(directory.path());
    let resolved = ledger.resolve_attention("w", "P", id, "sent a voucher", 7).unwrap();
    assert_eq!(resolved, AttentionClosed::Done);
    fetch(&mut ledger, &Payment { received: 9, ..payment(PaymentStatus::Approved, 100) });
    assert!(attention(&ledger).is_empty());
    // A condition that has ended begins anew, also if a person has closed it.
    let (code, details) = (AttentionCode::ReconciliationLags, crate::AttentionDetails::default());
    for round in 0..4 {
        ledger.raise_attention(&scope(), code, "", details.clone(), 8).unwrap();
        assert_eq!(attention(&ledger), [code]);
        if round == 2 {
            let id = ledger.attention(&scope(), 10).unwrap()[0].id;
            ledger.resolve_attention("w", "P", id, "seen", 8).unwrap();
            ledger.raise_attention(&scope(), code, "", details.clone(), 8).unwrap();
            assert!(attention(&ledger).is_empty());
        }
        ledger.settle_attention(&scope(), code, "", 9).unwrap();
        assert!(attention(&ledger).is_empty());
    }
}

#[test]
fn reference_that_was_paid_twice_is_named_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    record(&mut ledger, &event("evt_1", PaymentStatus::Canceled, 101));
    let reserved = ledger.reserve(&scope(), &new_payment(), 3).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    record(&mut ledger, &event("evt_2", PaymentStatus::Approved, 102));
    assert_eq!(attention(&ledger), [AttentionCode::PaidLate]);
    let second = Payment {
        id: "pi_2".to_owned(),
        aliases: vec!["pi_2".to_owned()],
        attempt_id: Some(attempt.id),
        ..payment(PaymentStatus::Approved, 103)
    };
    let second = EventSubject::Payment(Box::new(second));
    record(&mut ledger, &Event { subject: second, ..event("evt_3", PaymentStatus::Approved, 104) });
    assert_eq!(attention(&ledger), [AttentionCode::PaidTwice]);
    assert_eq!(notices(&ledger), [told("paid-late", 10)]);
}

#[test]
fn restored_ledger_sells_no_paid_reference_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let installation = ledger.installation("i").unwrap().unwrap();
    let mode = crate::types::Mode::Test;
    assert!(ledger.store_installation(&installation, &[1], &[2], mode, None, 2).unwrap());
    assert_eq!(ledger.record_restored(50).unwrap(), [scope()]);
    let order = crate::NewPayment { reference: "lost".to_owned(), ..new_payment() };
    let closed = ledger.reserve(&scope(), &order, 51).unwrap();
    assert!(matches!(closed, Reservation::Restored), "{closed:?}");
    // The newest event comes first: the second attempt was paid, the first was canceled.
    let lost = |id: &str, attempt: &str, status| {
        let lost = Payment {
            id: id.to_owned(),
            aliases: vec![id.to_owned()],
            reference: Some("lost".to_owned()),
            attempt_id: Some(attempt.to_owned()),
            ..payment(status, 20)
        };
        Event { subject: EventSubject::Payment(Box::new(lost)), ..event(id, status, 30) }
    };
    record(&mut ledger, &lost("pi_8", "second", PaymentStatus::Approved));
    let first = lost("pi_7", "first", PaymentStatus::Canceled);
    let early = ledger.record_event(&scope(), None, &first, &Refetch::Later, 52).unwrap();
    assert_eq!(early, EventOutcome::Early);
    assert_eq!(attention(&ledger), [AttentionCode::LedgerRestored]);
    ledger.record_listed_after_restore(&scope(), 52).unwrap();
    assert!(attention(&ledger).is_empty());
    let existing = ledger.reserve(&scope(), &order, 53).unwrap();
    assert!(matches!(existing, Reservation::Existing(_)), "{existing:?}");
    // No position of before the restore is used again.
    let newest = ledger.transitions(&scope(), 0, 10).unwrap().pop().unwrap();
    assert!(newest.position > 1_000_000, "{}", newest.position);
}

#[test]
fn backup_older_than_the_events_stays_closed() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let installation = ledger.installation("i").unwrap().unwrap();
    let mode = crate::types::Mode::Test;
    assert!(ledger.store_installation(&installation, &[1], &[2], mode, None, 2).unwrap());
    let listed = crate::Reconciliation { listed_at: Some(2), ..crate::Reconciliation::default() };
    ledger.store_reconciliation(&scope(), "", &listed).unwrap();
    ledger.record_restored(31 * 86_400).unwrap();
    ledger.record_listed_after_restore(&scope(), 31 * 86_400 + 1).unwrap();
    let closed = ledger.reserve(&scope(), &new_payment(), 3).unwrap();
    assert!(matches!(closed, Reservation::Restored), "{closed:?}");
    let id = ledger.attention(&scope(), 10).unwrap()[0].id;
    ledger.resolve_attention("w", "P", id, "compared by hand", 4).unwrap();
    let open = ledger.reserve(&scope(), &new_payment(), 5).unwrap();
    assert!(!matches!(open, Reservation::Restored), "{open:?}");
}

#[test]
fn restored_attempt_that_followed_another_is_approved() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let installation = ledger.installation("i").unwrap().unwrap();
    let mode = crate::types::Mode::Test;
    assert!(ledger.store_installation(&installation, &[1], &[2], mode, None, 2).unwrap());
    // The backup knows the first attempt as open. It was canceled, and a second one was paid.
    let second = Payment {
        id: "pi_2".to_owned(),
        aliases: vec!["pi_2".to_owned()],
        attempt_id: Some("second".to_owned()),
        ..payment(PaymentStatus::Approved, 200)
    };
    let subject = EventSubject::Payment(Box::new(second));
    record(&mut ledger, &Event { subject, ..event("evt_2", PaymentStatus::Approved, 210) });
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Approved"]);
    assert!(attention(&ledger).is_empty() && notices(&ledger).is_empty());
    // The first page is closed, should it still be open, and the second payment is read.
    assert_eq!(ledger.payments_to_close(&scope(), 10, 10).unwrap().len(), 1);
    let checks = ledger.payments_to_check(&scope(), "i", crate::Checks::Due, 10, 10).unwrap();
    assert_eq!(checks.len(), 2);
}

#[test]
fn restored_payment_that_is_paid_ends_the_page_that_followed_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    let installation = ledger.installation("i").unwrap().unwrap();
    let mode = crate::types::Mode::Test;
    assert!(ledger.store_installation(&installation, &[1], &[2], mode, None, 2).unwrap());
    // The ledger knows a page that was made after the lost one, at second 100 of the provider's clock.
    let lost = Payment {
        id: "pi_0".to_owned(),
        aliases: vec!["pi_0".to_owned()],
        attempt_id: Some("lost".to_owned()),
        ..payment(PaymentStatus::Approved, 0)
    };
    let subject = EventSubject::Payment(Box::new(lost));
    record(&mut ledger, &Event { subject, ..event("evt_0", PaymentStatus::Approved, 90) });
    assert_eq!(outputs(&ledger), ["Pending", "Rejected", "Approved"]);
    assert!(attention(&ledger).is_empty());
    assert_eq!(ledger.payments_to_close(&scope(), 10, 10).unwrap().len(), 1);
}
