//! What the ledger's size costs: each operation on a full ledger, as a ratio to the same on an empty one, taken
//! in turn in one run. `cargo bench -p ledger -- 1000000` fills one with that many payments.

// A benchmark that panics has failed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use ledger::types::{
    Authority, Awaited, Event, EventSubject, Mode, Money, Payment, PaymentStatus, PaymentTerms,
};
use ledger::{EventOutcome, Ledger, NewPayment, Refetch, Reservation, Scope, StoredInstallation};
use rusqlite::Connection;

/// How often each operation is measured.
const ROUNDS: u64 = 300;
/// How many changes have one commit.
const GROUP: u64 = 64;
/// One of so many payments of the full ledger is still open.
const OPEN_SHARE: u64 = 1000;

fn scope() -> Scope {
    Scope { workspace: "w".to_owned(), provider: "P".to_owned(), mode: Mode::Test }
}

fn order(reference: String) -> NewPayment {
    NewPayment {
        installation: "i".to_owned(),
        reference,
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        terms: PaymentTerms {
            description: None,
            success_url: "https://example.com".to_owned(),
            cancel_url: None,
            expires_at: None,
            has_manual_capture: false,
        },
    }
}

fn payment(id: String, reference: &str, status: PaymentStatus) -> Payment {
    Payment {
        aliases: vec![id.clone()],
        id,
        reference: Some(reference.to_owned()),
        attempt_id: None,
        mode: Mode::Test,
        status,
        provider_status: "open".to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        received: if status == PaymentStatus::Approved { 10 } else { 0 },
        refunded: None,
        failure: None,
        awaits: Awaited::Customer(None),
        disputes: Vec::new(),
        created_at: 100,
    }
}

fn open(path: &Path) -> Ledger {
    let mut ledger = Ledger::open(path).unwrap();
    let component = ledger::Component { sha256: "c".to_owned(), is_built_in: true };
    let installation = StoredInstallation {
        mode: Some(Mode::Test),
        ..StoredInstallation::installing("i", "w", "P", component)
    };
    ledger.begin_installation(&installation, 1).unwrap();
    ledger
}

/// Adds payments with an alias, an event and two transitions each, as they are after they were paid.
fn fill(path: &Path, payments: u64) {
    let connection = Connection::open(path).unwrap();
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {payments})"
    );
    let sql = format!(
        "PRAGMA foreign_keys = OFF;
         BEGIN;
         {numbers} INSERT INTO payments (id, workspace, provider, mode, reference, installation,
                 amount, currency, remote_id, status, provider_status, received, as_of, authority,
                 needs_refetch, created_at, attempt)
             SELECT n, 'w', 'P', 'test', 'old-' || n, 'i', 10, 'usd', 'pi_old_' || n,
                 iif(n % {OPEN_SHARE} = 0, 'pending', 'approved'), 'x', 10, 100, 'signed', 0, n,
                 lower(hex(randomblob(16)))
             FROM numbers;
         {numbers} INSERT INTO aliases SELECT 'w', 'P', 'test', 'pi_old_' || n, n FROM numbers;
         {numbers} INSERT INTO events SELECT 'w', 'P', 'evt_old_' || n, 't', 100, 100, n FROM numbers;
         {numbers} INSERT INTO transitions (workspace, provider, mode, payment, output, final, at)
             SELECT 'w', 'P', 'test', n, 'Pending', 0, n FROM numbers;
         {numbers} INSERT INTO transitions (workspace, provider, mode, payment, output, final, at)
             SELECT 'w', 'P', 'test', n, 'Approved', 1, n FROM numbers;
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    connection.execute_batch(&sql).unwrap();
}

/// What is measured: the operation of each round.
type Operation = fn(&mut Ledger, u64);

fn pay(ledger: &mut Ledger, round: u64) {
    pay_one(ledger, &round.to_string());
}

fn pay_group(ledger: &mut Ledger, round: u64) {
    let pay = |ledger: &mut Ledger| (0..GROUP).for_each(|n| pay_one(ledger, &in_group(round, n)));
    ledger.group(pay).unwrap();
}

fn in_group(round: u64, number: u64) -> String {
    format!("{round}-{number}")
}

fn pay_one(ledger: &mut Ledger, name: &str) {
    let (reference, id) = (format!("new-{name}"), format!("pi_{name}"));
    let new = order(reference.clone());
    let Reservation::Reserved { attempt, .. } = ledger.reserve(&scope(), &new, 100).unwrap() else {
        panic!("{reference} is used")
    };
    let created = payment(id, &reference, PaymentStatus::Pending);
    ledger.record_created(&scope(), &new, &attempt, &created, 100).unwrap();
}

fn deliver(ledger: &mut Ledger, round: u64) {
    deliver_one(ledger, &round.to_string());
}

fn deliver_group(ledger: &mut Ledger, round: u64) {
    let deliver =
        |ledger: &mut Ledger| (0..GROUP).for_each(|n| deliver_one(ledger, &in_group(round, n)));
    ledger.group(deliver).unwrap();
}

fn deliver_one(ledger: &mut Ledger, name: &str) {
    let event = Event {
        id: format!("evt_{name}"),
        event_type: "t".to_owned(),
        occurred_at: 200,
        subject: EventSubject::Payment(Box::new(payment(
            format!("pi_{name}"),
            &format!("new-{name}"),
            PaymentStatus::Approved,
        ))),
        authority: Authority::Signed,
    };
    let recorded =
        ledger.record_event(&scope(), Some("i"), &event, &Refetch::NotTried, 200).unwrap();
    assert!(matches!(recorded, EventOutcome::Recorded { .. }));
}

fn payments(ledger: &mut Ledger, _: u64) {
    assert!(!ledger.payments(&scope(), None, 50).unwrap().is_empty());
}

fn status(ledger: &mut Ledger, _: u64) {
    ledger.current_installation("w", "P").unwrap();
    ledger.delivery_summary("i").unwrap();
    ledger.unclaimed_deliveries("P").unwrap();
    ledger.attention(&scope(), 10).unwrap();
}

fn transitions(ledger: &mut Ledger, _: u64) {
    ledger.acknowledged_position(&scope(), "flow").unwrap();
    ledger.transitions(&scope(), 0, 100).unwrap();
}

const OPERATIONS: [(&str, Operation); 7] = [
    ("pay", pay),
    ("a delivery", deliver),
    ("64 payments, one commit", pay_group),
    ("64 deliveries, one commit", deliver_group),
    ("payments", payments),
    ("status", status),
    ("transitions", transitions),
];

fn time(operation: Operation, ledger: &mut Ledger, round: u64) -> Duration {
    let start = Instant::now();
    operation(ledger, round);
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn main() {
    let payments = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let payments: u64 = payments.unwrap_or(50_000);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut empty = open(&path("empty.sqlite"));
    drop(open(&path("full.sqlite")));
    let filling = Instant::now();
    fill(&path("full.sqlite"), payments);
    println!("{payments} payments were added in {:.1} s.", filling.elapsed().as_secs_f64());
    let mut full = Ledger::open(&path("full.sqlite")).unwrap();
    println!("{:<26} {:>10} {:>10} {:>7}", "median", "empty, µs", "full, µs", "ratio");
    for (name, operation) in OPERATIONS {
        let (mut on_empty, mut on_full) = (Vec::new(), Vec::new());
        // In turn, so that the machine's noise meets both.
        for round in 0..ROUNDS {
            on_empty.push(time(operation, &mut empty, round));
            on_full.push(time(operation, &mut full, round));
        }
        let (on_empty, on_full) = (median(on_empty), median(on_full));
        println!("{name:<26} {on_empty:>10.1} {on_full:>10.1} {:>7.2}", on_full / on_empty);
    }
}
