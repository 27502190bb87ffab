//! A ledger of each earlier version is opened without loss.

use std::fmt::Write as _;

use rusqlite::Connection;

use super::*;
use crate::PaymentTerms;
use crate::types::{Authority, Awaited, Mode, Money, Payment, PaymentStatus};

/// A verified event as version 3 to 5 stored it: the JSON of the contract 0.2.0.
const EARLY_EVENT: &str = r#"{"id":"evt_3","event_type":"payment_intent.succeeded","occurred_at":30,"subject":{"Payment":{"id":"pi_3","aliases":["pi_3"],"reference":"r3","attempt_id":null,"mode":"Test","status":"Approved","provider_status":"succeeded","amount":{"minor_units":10,"currency":"usd"},"received":10,"refunded":null,"failure":null,"awaits":"Nothing","disputes":[],"created_at":30,"extras":[]}},"authority":"Signed"}"#;

/// Rows for every table of a version.
fn rows(version: usize) -> String {
    let (remote_id, needs_refetch, settled) = match version {
        ..=4 => ("name", "settled", 1),
        _ => ("remote_id", "needs_refetch", 0),
    };
    let (credentials, record) = match version {
        ..=4 => ("credentials", "record"),
        _ => ("sealed_credentials", "sealed_installation"),
    };
    let authorization = if version < 4 { "credential" } else { "authorization" };
    let mut sql = format!(
        "INSERT INTO workspaces VALUES ('default', 'w1');
         INSERT INTO installations
             (id, workspace, provider, component, state, webhook_setup, mode, account,
              {credentials}, {record}, created_at, changed_at)
         VALUES ('i1', 'w1', 'P', 'c', 'active', 'automatic', 'test', 'acct', x'01', x'02', 1, 1);
         INSERT INTO approvals (component, origin, {authorization}, approved_at)
         VALUES ('c', 'https://api.example', 'what', 1);
         INSERT INTO payments
             (workspace, provider, mode, reference, installation, amount, currency, {remote_id},
              status, provider_status, received, refunded, failure, checkout_url, as_of, authority,
              {needs_refetch}, created_at)
         VALUES ('w1', 'P', 'test', 'r1', 'i1', 10, 'usd', 'pi_1', 'approved', 'x', 10, 3,
                 '{{\"code\":\"c\",\"message\":\"m\",\"remedy\":[\"r\"]}}', NULL, 1, 'signed', {settled}, 1);
         INSERT INTO aliases VALUES ('w1', 'P', 'test', 'pi_1', 1);
         INSERT INTO events VALUES ('w1', 'P', 'evt_1', 't', 1, 1, 1);",
    )
    .replace("\\\"", "\"");
    let transitions = match version {
        ..=5 => "(payment, output, final, at) VALUES (1, 'Pending', 0, 1), (1, 'Approved', 1, 2)",
        _ => {
            "(payment, output, final, at, workspace, provider, mode)
             VALUES (1, 'Pending', 0, 1, 'w1', 'P', 'test'),
                    (1, 'Approved', 1, 2, 'w1', 'P', 'test')"
        }
    };
    let _ = write!(sql, "INSERT INTO transitions {transitions};");
    // A position that was used and is gone.
    sql.push_str("UPDATE sqlite_sequence SET seq = 7 WHERE name = 'transitions';");
    if version >= 2 {
        sql.push_str(
            r#"INSERT INTO last_deliveries (installation, verified_at, refused_at, refused_because)
               VALUES ('i1', 7, 8, '{"code":"c","message":"m","remedy":[]}');"#,
        );
    }
    if version >= 10 {
        sql.push_str("INSERT INTO page_origins VALUES ('i1', 'https://pay.example', 1);");
    }
    if version >= 3 {
        let consumers = match version {
            ..=5 => "consumers VALUES ('w1', 'flow', 1)",
            _ => "cursors VALUES ('w1', 'P', 'test', 'flow', 1)",
        };
        let _ = write!(
            sql,
            "INSERT INTO early_events
             VALUES ('w1', 'P', 'test', 'evt_3', 'r3', 30, 31, '{EARLY_EVENT}');
             INSERT INTO {consumers};"
        );
        sql.push_str(match version {
            ..=8 => "INSERT INTO reconciliations VALUES ('w1', 'P', 'test', 5);",
            _ => {
                "INSERT INTO reconciliations (workspace, provider, mode, account, mark)
                 VALUES ('w1', 'P', 'test', 'acct', 5);"
            }
        });
    }
    if version >= 4 {
        sql.push_str(
            "UPDATE payments SET attempt = 'attempt-1';
             INSERT INTO refunds (payment, reference, attempt, reserved_at)
             VALUES (1, 'refund-1', 'attempt-2', 1);
             INSERT INTO unclaimed_deliveries VALUES ('P', 2, 9);",
        );
    }
    if version >= 7 {
        let terms = r#"{"description":"d","success_url":"https://example.com","cancel_url":null,"expires_at":null,"has_manual_capture":true}"#;
        let _ = write!(
            sql,
            "UPDATE payments SET idempotency_key = 'key-1', request = '{terms}';
             UPDATE refunds SET minor_units = 3;"
        );
    }
    if version == 8 {
        sql.push_str(
            "INSERT INTO attention (workspace, provider, mode, payment, code, since)
             VALUES ('w1', 'P', 'test', 1, 'paid-late', 50);
             UPDATE payments SET needs_closing = 1;",
        );
    }
    if version >= 9 {
        sql.push_str(
            "INSERT INTO attention (workspace, provider, mode, payment, code, subject, details, since)
             VALUES ('w1', 'P', 'test', 1, 'paid-late', '', '{}', 50);
             UPDATE payments SET needs_closing = 1, check_at = 0;
             INSERT INTO background_reads VALUES ('P', 'acct', 'test', 'asking', 1, 2);
             INSERT INTO disputes VALUES ('w1', 'P', 'test', 'du_1', 1, 'won', 1);
             INSERT INTO failed_refunds VALUES (1, 're_1', 2);
             INSERT INTO refund_failures VALUES (1, 2, 2);",
        );
    }
    sql + kept_deliveries(version)
}

fn kept_deliveries(version: usize) -> &'static str {
    if version < 12 {
        return "";
    }
    "INSERT INTO kept_deliveries
         (provider, installation, event, received_at, size_bytes, sealed, outcome)
     VALUES ('P', 'i1', 'evt_1', 7, 2, x'7b7d', 'accepted');"
}

fn scope() -> Scope {
    Scope { workspace: "w1".to_owned(), provider: "P".to_owned(), mode: Mode::Test }
}

#[test]
fn earlier_versions_are_opened_without_loss() {
    for version in 1..=MIGRATIONS.len() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let old = Connection::open(&path).unwrap();
        for migration in &MIGRATIONS[..version] {
            old.execute_batch(migration).unwrap();
        }
        old.execute_batch(&rows(version)).unwrap();
        let tables: Vec<String> = old
            .prepare(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            )
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for table in tables {
            let filled = old.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get::<_, u64>(0)
            });
            assert_ne!(filled.unwrap(), 0, "version {version} has no row in {table}");
        }
        old.pragma_update(None, "user_version", version).unwrap();
        drop(old);
        // The second time there is nothing to migrate.
        drop(Ledger::open(&path).unwrap());
        check(version, Ledger::open(&path).unwrap());
    }
}

fn check(version: usize, mut ledger: Ledger) {
    let scope = scope();
    assert_eq!(ledger.workspace_id("default").unwrap(), "w1");
    let installation = ledger.current_installation("w1", "P").unwrap().unwrap();
    assert_eq!(installation.state, InstallationState::Active);
    assert_eq!(installation.sealed_credentials, Some(vec![1]));
    assert_eq!(installation.sealed_installation, Some(vec![2]));
    // What was approved was not built in. Of versions before 4 the approvals are not known.
    assert_eq!(installation.component.sha256, "c");
    assert_eq!(installation.component.is_built_in, version < 4);
    // Version 4 asks for each approval again: what is approved has changed.
    let approval = [("https://api.example".to_owned(), "what".to_owned())];
    let expected = if version >= 4 { Approval::Full } else { Approval::None };
    assert_eq!(ledger.approval("c", &approval).unwrap(), expected);

    let payment = ledger.payment(&scope, "r1").unwrap().unwrap();
    assert_eq!(payment.remote_id.as_deref(), Some("pi_1"));
    assert_eq!((payment.status, payment.refunded), (PaymentStatus::Approved, Some(3)));
    assert_eq!(payment.failure.as_ref().unwrap().remedy, ["r"]);
    assert!(!payment.needs_refetch);
    let history = ledger.payment_history(&scope, "pi_1").unwrap().unwrap();
    assert_eq!(history.entries.len(), 3, "version {version}");
    let outputs: Vec<_> = ledger
        .transitions(&scope, 0, 10)
        .unwrap()
        .into_iter()
        .map(|transition| (transition.told, transition.payment))
        .collect();
    let of_payment = |output: &str| {
        let (output, r#final) = (output.to_owned(), output == "Approved");
        (Told::Output { output, r#final }, Some("pi_1".to_owned()))
    };
    assert_eq!(outputs, [of_payment("Pending"), of_payment("Approved")]);
    if version >= 7 {
        assert_eq!(payment.attempt.idempotency_key, "key-1");
        assert!(payment.terms.as_ref().is_some_and(|terms| terms.has_manual_capture));
    }
    if version >= 8 {
        let attention = ledger.attention(&scope, 10).unwrap();
        let [entry] = attention.as_slice() else { panic!("{attention:?}") };
        assert_eq!((entry.code, entry.since), (AttentionCode::PaidLate, 50));
        assert_eq!(entry.reference.as_deref(), Some("r1"));
        assert_eq!(ledger.payments_to_close(&scope, 100, 10).unwrap().len(), 1);
    }
    let live = Scope { mode: Mode::Live, ..scope.clone() };
    assert!(ledger.transitions(&live, 0, 10).unwrap().is_empty());

    let refused = |summary: DeliverySummary| summary.refused.map(|(at, why)| (at, why.code));
    let summary = ledger.delivery_summary("i1").unwrap();
    let expected = (version >= 2).then_some(7);
    assert_eq!(summary.verified_at, expected);
    assert_eq!(refused(summary), expected.map(|at| (at + 1, "c".to_owned())));
    if version >= 3 {
        assert_eq!(ledger.acknowledged_position(&scope, "flow").unwrap(), 1);
        assert_eq!(ledger.reconciliation(&scope, "acct").unwrap().mark, Some(5));
        early_event_is_applied(&mut ledger, &scope);
    }
    if version >= 4 {
        let reserved = ledger.reserve_refund(&payment, "refund-1", Some(3), 40).unwrap();
        let RefundReservation::Reserved(ReservedRefund { attempt, .. }) = reserved else {
            panic!("{reserved:?}")
        };
        assert_eq!(attempt.id, "attempt-2");
        assert_eq!(ledger.unclaimed_deliveries("P").unwrap(), Some((2, 9)));
    }
}

fn early_event_is_applied(ledger: &mut Ledger, scope: &Scope) {
    let amount = Money { minor_units: 10, currency: "usd".to_owned() };
    let new = NewPayment {
        installation: "i1".to_owned(),
        reference: "r3".to_owned(),
        amount: amount.clone(),
        terms: PaymentTerms {
            description: None,
            success_url: "https://example.com".to_owned(),
            cancel_url: None,
            expires_at: None,
            has_manual_capture: false,
        },
    };
    let reserved = ledger.reserve(scope, &new, 32).unwrap();
    let Reservation::Reserved { attempt, .. } = reserved else { panic!("{reserved:?}") };
    let created = Payment {
        id: "pi_3".to_owned(),
        aliases: vec!["pi_3".to_owned()],
        reference: Some("r3".to_owned()),
        attempt_id: Some(attempt.id.clone()),
        mode: Mode::Test,
        status: PaymentStatus::Pending,
        provider_status: "open".to_owned(),
        amount,
        received: 0,
        refunded: None,
        failure: None,
        awaits: Awaited::Customer(None),
        disputes: Vec::new(),
        created_at: 29,
    };
    let stored = ledger.record_created(scope, &new, &attempt, &created, 33).unwrap().unwrap();
    assert_eq!((stored.status, stored.authority), (PaymentStatus::Approved, Authority::Signed));
    // A position is never used twice.
    let last = ledger.transitions(scope, 0, 10).unwrap().pop().unwrap();
    assert_eq!(last.position, 9);
}
