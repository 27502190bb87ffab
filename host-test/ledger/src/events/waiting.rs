//! Events that wait for their payment are bounded.

use super::tests::{event, ledger, new_payment, payment, payment_of, scope};
use super::*;
use crate::early_events::LARGEST;
use crate::types::PaymentStatus;
use crate::{NewPayment, Reservation};

fn early(ledger: &mut Ledger, number: u64, reference: &str, provider_status: &str) {
    let mut early = event(&format!("evt_{number}"), PaymentStatus::Approved, 101);
    let payment = payment_of(&mut early);
    (payment.id, payment.aliases) = (format!("pi_{number}"), Vec::new());
    payment.reference = Some(reference.to_owned());
    payment.provider_status = provider_status.to_owned();
    ledger.record_event(&scope(), Some("i"), &early, &Refetch::NotTried, number).unwrap();
}

#[test]
fn only_the_newest_early_events_stay() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    ledger.set_most_early_events(3);
    for number in 1..=5 {
        early(&mut ledger, number, &format!("order-{number}0"), "paid");
    }
    let mut statement =
        ledger.connection.prepare("SELECT event FROM early_events ORDER BY event").unwrap();
    let left: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(left, ["evt_3", "evt_4", "evt_5"]);
}

#[test]
fn payment_of_a_large_early_event_is_asked_about() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = ledger(directory.path());
    early(&mut ledger, 2, "order-2", &"x".repeat(LARGEST));
    let order = NewPayment { reference: "order-2".to_owned(), ..new_payment() };
    let reserved = ledger.reserve(&scope(), &order, 3).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    let mut answer = payment(PaymentStatus::Pending, 100);
    (answer.id, answer.aliases) = ("pi_2".to_owned(), vec!["pi_2".to_owned()]);
    answer.reference = Some("order-2".to_owned());
    answer.attempt_id = Some(attempt.id.clone());
    let stored = ledger.record_created(&scope(), &order, &attempt, &answer, 4).unwrap().unwrap();
    assert!(stored.needs_refetch && stored.status == PaymentStatus::Pending);
}
