//! Every query uses an index: the cost of a delivery does not grow with the ledger.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::*;
use crate::PaymentTerms;
use crate::types::{
    Authority, Awaited, DeliveryNames, Dispute, Event, EventSubject, Mode, Money, Payment,
    PaymentStatus, Problem, Refund,
};

/// A restore looks at every installation, once.
const RESTORE: [&str; 3] = [
    "SELECT DISTINCT workspace, provider, mode FROM installations",
    "UPDATE reconciliations",
    "UPDATE sqlite_sequence",
];

/// An index of those rows only that have secrets: few, however large the ledger is.
const SMALL: &str = "INDEX sealed_installations";

thread_local! {
    /// The statements that this test has run.
    static STATEMENTS: RefCell<BTreeSet<String>> = RefCell::default();
}

fn record(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        STATEMENTS.with_borrow_mut(|all| all.insert(statement.sql().to_string()));
    }
}

/// The statements that read or change rows while `work` uses the ledger.
fn statements(ledger: &mut Ledger, work: impl FnOnce(&mut Ledger)) -> Vec<String> {
    ledger.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(record)).unwrap();
    work(ledger);
    ledger.connection.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    let is_of_rows = |sql: &String| {
        ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb))
    };
    STATEMENTS.take().into_iter().filter(is_of_rows).collect()
}

fn payment(status: PaymentStatus) -> Payment {
    Payment {
        id: "pi_1".to_owned(),
        aliases: vec!["pi_1".to_owned()],
        reference: Some("r".to_owned()),
        attempt_id: None,
        mode: Mode::Test,
        status,
        provider_status: "x".to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        received: 10,
        refunded: None,
        failure: None,
        awaits: Awaited::Nothing,
        disputes: vec![dispute("needs-response")],
        created_at: 1,
    }
}

fn dispute(status: &str) -> Dispute {
    Dispute {
        id: "du_1".to_owned(),
        payment: "pi_1".to_owned(),
        status: status.to_owned(),
        amount: Money { minor_units: 10, currency: "usd".to_owned() },
        due_by: None,
    }
}

fn event(id: &str, status: PaymentStatus) -> Event {
    Event {
        id: id.to_owned(),
        event_type: "t".to_owned(),
        occurred_at: 2,
        subject: EventSubject::Payment(Box::new(payment(status))),
        authority: Authority::Signed,
    }
}

fn use_what_ends_payments(ledger: &mut Ledger, scope: &Scope) {
    use_sealed(ledger);
    ledger.latest_remote_id(scope, "i").unwrap();
    ledger.open_payments("i", None, 10).unwrap();
    ledger.prune(100).unwrap();
    ledger.account_of("i").unwrap();
    ledger.begin_draining("none", 9, 5).unwrap();
    ledger.adopt_payments("i", 5).unwrap();
    ledger.abandon_open_payments("other", 5).unwrap();
}

/// The last two read the whole table by its key, page by page, and only where the vault's key is looked after.
fn use_sealed(ledger: &mut Ledger) {
    assert!(ledger.has_sealed().unwrap());
    assert!(ledger.any_sealed(|_| true).unwrap());
    ledger.reseal(Ok::<_, ()>).unwrap().unwrap();
}

fn use_attention(ledger: &mut Ledger, scope: &Scope) {
    let (code, details) = (AttentionCode::AccountCannotCharge, AttentionDetails::default());
    ledger.raise_attention(scope, code, "i", details, 4).unwrap();
    ledger.settle_attention(scope, code, "i", 4).unwrap();
    assert!(!ledger.attention(scope, 10).unwrap().is_empty());
    assert!(!ledger.closed_attention(scope, 10).unwrap().is_empty());
    for entry in ledger.attention_after("P", 0, 10).unwrap() {
        ledger.accept_attention("w", "P", entry.id, 4).unwrap();
        ledger.resolve_attention("w", "P", entry.id, "done", 4).unwrap();
    }
}

fn use_reconciliation(ledger: &mut Ledger, scope: &Scope) {
    let reconciliation = ledger.reconciliation(scope, "a").unwrap();
    ledger.store_reconciliation(scope, "a", &reconciliation).unwrap();
    ledger.events_since(scope).unwrap();
    ledger.due_installations("P", 10).unwrap();
    ledger.watched_installations("P", "w").unwrap();
    ledger.lag("P", 10).unwrap();
    let account = CountedAccount { provider: "P".into(), account: "a".into(), mode: Mode::Test };
    ledger.add_background_reads(&account, Work::Asking, 1, 2, 0).unwrap();
    assert_eq!(ledger.background_reads(&account, Work::Asking, 1).unwrap(), 2);
    ledger.record_restored(10).unwrap();
    ledger.record_listed_after_restore(scope, 11).unwrap();
    let lost = Payment {
        id: "pi_9".into(),
        aliases: vec!["pi_9".into()],
        attempt_id: Some("lost".into()),
        reference: Some("lost".into()),
        ..payment(PaymentStatus::Approved)
    };
    let lost = Event {
        subject: EventSubject::Payment(Box::new(lost)),
        ..event("evt_9", PaymentStatus::Approved)
    };
    let outcome = ledger.record_event(scope, None, &lost, &Refetch::NotTried, 12).unwrap();
    assert_eq!(outcome, EventOutcome::Recorded { has_closing: false });
}

fn use_what_follows_an_approval(ledger: &mut Ledger, scope: &Scope, paid: &StoredPayment) {
    let because = Problem { code: "c".into(), message: "m".into(), remedy: Vec::new() };
    let (_, refund) = ledger.reserved_refunds(paid).unwrap().remove(0);
    ledger.record_refund_outcome(&refund.id, Some(&because), 3).unwrap();
    ledger.release_refund(&refund.id, 3).unwrap();
    for _ in 0..9 {
        let failing = ledger.payment(scope, "r").unwrap().unwrap();
        ledger.record_check_failed(&failing, Some(&because), 3).unwrap();
    }
    let failed = Refund {
        id: "re_1".to_owned(),
        payment: "pi_1".to_owned(),
        has_failed: true,
        amount: payment(PaymentStatus::Pending).amount,
        failure: None,
    };
    for subject in [EventSubject::Refund(failed), EventSubject::Dispute(dispute("lost"))] {
        let event = Event {
            subject,
            id: format!("evt_{}", ledger.attention_count("P").unwrap()),
            ..event("", PaymentStatus::Approved)
        };
        ledger.record_event(scope, None, &event, &Refetch::Later, 3).unwrap();
    }
    let current = ledger.payment(scope, "r").unwrap().unwrap();
    let less = Payment { refunded: Some(0), ..payment(PaymentStatus::Approved) };
    let more = Payment { refunded: Some(4), ..payment(PaymentStatus::Approved) };
    ledger.record_fetched(scope, &more, Some(current.version), 4).unwrap();
    let current = ledger.payment(scope, "r").unwrap().unwrap();
    ledger.record_fetched(scope, &less, Some(current.version), 4).unwrap();
    ledger.record_unreachable(&current, 5).unwrap();
}

/// Calls every method of the ledger.
fn use_components(ledger: &mut Ledger) {
    let approvals = [("o".to_owned(), "a".to_owned())];
    ledger.approve("c", &approvals, Some("r"), 1).unwrap();
    ledger.approval("c", &approvals).unwrap();
    ledger.carry_over("P", "rebuilt", &approvals, "r", 1).unwrap();
    ledger.installed_providers().unwrap();
    ledger.approvals("c").unwrap();
    let component = Component { sha256: "d".to_owned(), is_built_in: true };
    ledger.take_over("P", Some("w"), &component, 1).unwrap();
    ledger.take_over("P", None, &component, 1).unwrap();
    ledger.move_built_in("P", "c", 1).unwrap();
    ledger.installed_components("P", None).unwrap();
    ledger.approve_page_origin("i", "https://pay.example", 1).unwrap();
}

fn new_payment() -> NewPayment {
    NewPayment {
        installation: "i".to_owned(),
        reference: "r".to_owned(),
        amount: payment(PaymentStatus::Pending).amount,
        terms: PaymentTerms {
            description: None,
            success_url: "https://example.com".to_owned(),
            cancel_url: None,
            expires_at: None,
            has_manual_capture: false,
        },
    }
}

fn use_kept_deliveries(ledger: &mut Ledger) {
    let delivery = KeptDelivery {
        installation: "i".to_owned(),
        event: None,
        received_at: 1,
        size_bytes: 0,
        sealed: Vec::new(),
        outcome: "accepted".to_owned(),
        code: None,
    };
    ledger.keep_delivery("P", &delivery).unwrap();
    ledger.kept_delivery("P", "1").unwrap();
    ledger.kept_deliveries("P", 10).unwrap();
}

fn use_everything(ledger: &mut Ledger) {
    use_kept_deliveries(ledger);
    let scope = Scope { workspace: "w".into(), provider: "P".into(), mode: Mode::Test };
    let installation = StoredInstallation {
        mode: Some(Mode::Test),
        ..StoredInstallation::installing("i", "w", "P", Component::some())
    };
    ledger.workspace_id("default").unwrap();
    ledger.workspace_id("default").unwrap();
    ledger.workspaces("P", "", 10).unwrap();
    ledger.begin_installation(&installation, 1).unwrap();
    ledger.store_installation(&installation, &[1], &[2], Mode::Test, Some("a"), 1).unwrap();
    ledger.current_installation("w", "P").unwrap();
    ledger.latest_mode("w", "P").unwrap();
    ledger.installation("i").unwrap();
    use_components(ledger);

    let new = new_payment();
    let early = event("evt_0", PaymentStatus::RequiresAction);
    ledger.record_event(&scope, Some("i"), &early, &Refetch::NotTried, 1).unwrap();
    let reserved = ledger.reserve(&scope, &new, 1).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    ledger.record_created(&scope, &new, &attempt, &payment(PaymentStatus::Pending), 1).unwrap();
    ledger.reserve(&scope, &new, 1).unwrap();
    let tie = event("evt_1", PaymentStatus::Rejected);
    ledger.record_event(&scope, Some("i"), &tie, &Refetch::Later, 2).unwrap();
    for checks in [Checks::Due, Checks::AllAfter(0)] {
        ledger.payments_to_check(&scope, "i", checks, 10, 10).unwrap();
    }
    ledger.payments_to_review(&scope, 10, 10).unwrap();
    let stored = ledger.payment(&scope, "pi_1").unwrap().unwrap();
    let fetched = payment(PaymentStatus::Approved);
    ledger.record_fetched(&scope, &fetched, Some(stored.version), 3).unwrap();
    ledger.payment(&scope, "r").unwrap();
    ledger.payments(&scope, Some(2), 10).unwrap();
    ledger.payment_history(&scope, "r").unwrap();
    let paid = StoredPayment { received: 10, ..stored };
    ledger.reserve_refund(&paid, "refund", None, 3).unwrap();
    ledger.reserved_refunds(&paid).unwrap();
    use_what_follows_an_approval(ledger, &scope, &paid);
    use_attention(ledger, &scope);
    let other = NewPayment { reference: "r2".to_owned(), ..new };
    let reserved = ledger.reserve(&scope, &other, 1).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    let attempt = ledger.replace_attempt(&scope, &other, &attempt, 2).unwrap();
    ledger.release(&attempt).unwrap();
    let reserved = ledger.reserve(&scope, &other, 1).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    assert!(ledger.cancel_reserved(&scope, &attempt, 4).unwrap());
    ledger.transitions(&scope, 0, 10).unwrap();
    use_what_ends_payments(ledger, &scope);
    for payment in ledger.payments_to_close(&scope, 10, 10).unwrap() {
        ledger.record_closed(&payment).unwrap();
    }
    let late = payment(PaymentStatus::Approved);
    let late = Payment {
        attempt_id: Some(attempt.id),
        id: "pi_3".into(),
        aliases: vec!["pi_3".into()],
        ..late
    };
    ledger.record_fetched(&scope, &late, Some(1), 4).unwrap();
    ledger.acknowledged_position(&scope, "flow").unwrap();
    assert!(ledger.acknowledge(&scope, "flow", 1, 5).unwrap());
    use_reconciliation(ledger, &scope);
    ledger.delivery_summary("i").unwrap();
    let problem = Problem { code: "c".into(), message: "m".into(), remedy: Vec::new() };
    for at in 5..9 {
        ledger.record_refused_deliveries("i", 1, &problem, at).unwrap();
    }
    ledger.record_verified_delivery("i", 9).unwrap();
    ledger.add_unclaimed_deliveries("P", 1, 5).unwrap();
    ledger.unclaimed_deliveries("P").unwrap();
    for names in [
        DeliveryNames { payment: Some("pi_1".into()), ..DeliveryNames::default() },
        DeliveryNames { reference: Some("r".into()), ..DeliveryNames::default() },
        DeliveryNames { account: Some("a".into()), ..DeliveryNames::default() },
        DeliveryNames { installation: Some("i".into()), ..DeliveryNames::default() },
    ] {
        ledger.find_recipient("P", &names).unwrap();
    }
    ledger.begin_uninstalling("i", 6).unwrap();
    ledger.cancel_uninstalling("i", 6).unwrap();
    ledger.finish_uninstalling("i", 6).unwrap();
}

/// A column of what SQLite explains of a statement.
fn explain(connection: &Connection, explain: &str, column: usize, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("{explain} {sql}")).unwrap();
    let count = statement.parameter_count();
    let nothing = std::iter::repeat_n(rusqlite::types::Null, count);
    let rows = statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(column));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Makes one for each row that it finds: a payment that needs a person is rare.
const SELDOM: &str = "UPDATE attention SET closed_at";

/// Each temporary table takes SQLite more memory and time than the statement that needs it.
#[test]
fn delivery_makes_no_temporary_table() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
    let scope = Scope { workspace: "w".into(), provider: "P".into(), mode: Mode::Test };
    let installation = StoredInstallation::installing("i", "w", "P", Component::some());
    ledger.begin_installation(&installation, 1).unwrap();
    let new = new_payment();
    let reserved = ledger.reserve(&scope, &new, 1).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    ledger.record_created(&scope, &new, &attempt, &payment(PaymentStatus::Pending), 1).unwrap();
    let paid = Payment { disputes: Vec::new(), ..payment(PaymentStatus::Approved) };
    let paid = Event {
        subject: EventSubject::Payment(Box::new(paid)),
        ..event("evt_1", PaymentStatus::Approved)
    };
    let statements = statements(&mut ledger, |ledger| {
        let recorded = ledger.record_event(&scope, Some("i"), &paid, &Refetch::NotTried, 2);
        assert!(matches!(recorded, Ok(EventOutcome::Recorded { .. })));
    });
    assert!(statements.len() > 5, "{statements:?}");
    for sql in statements.iter().filter(|sql| !sql.starts_with(SELDOM)) {
        let codes = explain(&ledger.connection, "EXPLAIN", 1, sql);
        assert!(!codes.iter().any(|code| code == "OpenEphemeral"), "{sql}");
    }
}

#[test]
fn every_query_uses_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&directory.path().join("ledger.sqlite")).unwrap();
    let statements = statements(&mut ledger, use_everything);
    assert!(statements.len() > 80, "{} queries", statements.len());
    let mut wrong = Vec::new();
    for sql in &statements {
        if RESTORE.iter().any(|restore| sql.starts_with(restore)) {
            continue;
        }
        for step in explain(&ledger.connection, "EXPLAIN QUERY PLAN", 3, sql) {
            // A sort is over what an index has found.
            let is_small = step.ends_with(SMALL);
            if step.starts_with("SCAN") && step != "SCAN CONSTANT ROW" && !is_small {
                wrong.push(format!("{step}: {sql}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
