//! What moves a payment: events, and what the provider's API says when asked. An event, its payment
//! and the flow's transition are one transaction.

use rusqlite::{Connection, params};

use super::installations::mode_word;
use super::last_deliveries::note_verified;
use super::payments::{Order, Scope, StoredPayment, find, find_by_row, find_taken, insert};
use super::rule::{Decision, Known, decide, is_final};
use super::transitions::tell_flow;
use super::{Ledger, LedgerError, early};
use crate::contract::types::{Authority, Payment, PaymentEvent};

/// What the provider says when asked about an event that cannot be placed.
pub enum Truth {
    /// It was not asked yet.
    NotAsked,
    /// This, asked for when the payment was of this version.
    Fetched(Box<Payment>, u64),
    /// It could not be asked.
    CouldNotAsk,
}

/// What came of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is known.
    Duplicate,
    /// The payment is not one of ours.
    Foreign,
    /// The payment is ours and not written down yet: the event is kept until it is.
    Early,
    /// Nothing was written: the provider has to be asked first, now that the payment is of this
    /// version.
    MustAsk(u64),
    /// It is written down, and the payment with it.
    Recorded,
}

/// What came of an answer of the provider's.
#[derive(Debug)]
pub enum Asked {
    /// The payment is not one of ours.
    Foreign,
    /// The payment has changed since the provider was asked, and is of this version now: it has to
    /// be asked again.
    Outdated(u64),
    /// It is written down.
    Recorded(Box<StoredPayment>),
}

impl Ledger {
    /// Writes down the answer to the creation of a payment. One that is known better by now stays
    /// as it is: the answer may be the first one, repeated. None: the answer is of another mode.
    pub fn record_created(
        &mut self,
        scope: &Scope,
        order: &Order,
        payment: &Payment,
        now: u64,
    ) -> Result<Option<StoredPayment>, LedgerError> {
        if payment.mode != scope.mode {
            return Ok(None);
        }
        let transaction = self.write()?;
        // Somebody else who asked and was told no may have given the reference back.
        if find_taken(&transaction, scope, &order.reference)?.is_none() {
            insert(&transaction, scope, order, now)?;
        }
        let Some(known) = find_taken(&transaction, scope, &order.reference)? else {
            return Ok(None);
        };
        let decision = match known.name {
            None => judge(&known, payment, Authority::Fetched, payment.created_at),
            Some(_) => Decision::KeepStatus,
        };
        // As old as the provider says, so that the events that follow are newer.
        let as_of =
            Known { as_of: payment.created_at, authority: Authority::Signed, ..state(&known) };
        apply(&transaction, scope, &known, payment, decision, as_of, now)?;
        // What came before the payment was known. Where that cannot be placed, the provider is
        // asked: the payment is not settled until then.
        for (event, received_at) in early::take(&transaction, scope, &order.reference)? {
            if let Some(known) = find_by_row(&transaction, known.row)? {
                take(&transaction, scope, &known, &event, &Truth::CouldNotAsk, received_at, now)?;
            }
        }
        let stored = find_by_row(&transaction, known.row)?;
        transaction.commit()?;
        Ok(stored)
    }

    /// Writes down what the provider said when asked, if the payment is still of the version of
    /// that time.
    pub fn record_fetched(
        &mut self,
        scope: &Scope,
        payment: &Payment,
        version: Option<u64>,
        now: u64,
    ) -> Result<Asked, LedgerError> {
        let transaction = self.write()?;
        let Some(known) = find(&transaction, scope, payment)? else {
            return Ok(Asked::Foreign);
        };
        if version != Some(known.version) {
            return Ok(Asked::Outdated(known.version));
        }
        let decision = judge(&known, payment, Authority::Fetched, known.as_of);
        // No time of ours says which events came before: those that follow are asked about.
        let as_of = Known { authority: Authority::Fetched, ..state(&known) };
        apply(&transaction, scope, &known, payment, decision, as_of, now)?;
        let stored = find_by_row(&transaction, known.row)?.unwrap_or(known);
        transaction.commit()?;
        Ok(Asked::Recorded(Box::new(stored)))
    }

    /// Writes down a verified event, and what it does to its payment and to the flow: all of it or
    /// nothing. It was delivered to an installation, or found when the provider was asked.
    pub fn record_event(
        &mut self,
        scope: &Scope,
        delivered_to: Option<&str>,
        event: &PaymentEvent,
        truth: &Truth,
        now: u64,
    ) -> Result<Recorded, LedgerError> {
        let transaction = self.write()?;
        if let Some(installation) = delivered_to {
            note_verified(&transaction, installation, now)?;
        }
        let is_known = transaction
            .prepare_cached(
                "SELECT 1 FROM events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            )?
            .exists([&scope.workspace, &scope.provider, &event.event_id])?;
        let recorded = if is_known {
            Recorded::Duplicate
        } else if let Some(known) = find(&transaction, scope, &event.payment)? {
            take(&transaction, scope, &known, event, truth, now, now)?
        } else if let Some(reference) = &event.payment.reference
            && event.payment.mode == scope.mode
        {
            early::keep(&transaction, scope, event, reference, now)?;
            Recorded::Early
        } else {
            Recorded::Foreign
        };
        // Nothing was written where the provider has to be asked first.
        if !matches!(recorded, Recorded::MustAsk(_)) {
            transaction.commit()?;
        }
        Ok(recorded)
    }
}

/// Takes an event of a payment that is known: a part of the transaction that takes it.
fn take(
    connection: &Connection,
    scope: &Scope,
    known: &StoredPayment,
    event: &PaymentEvent,
    truth: &Truth,
    received_at: u64,
    now: u64,
) -> Result<Recorded, LedgerError> {
    let decision = judge(known, &event.payment, event.authority, event.occurred_at);
    match (decision, truth) {
        (Decision::Ask, Truth::NotAsked) => return Ok(Recorded::MustAsk(known.version)),
        (Decision::Ask, Truth::Fetched(_, version)) if *version != known.version => {
            return Ok(Recorded::MustAsk(known.version));
        }
        (Decision::Ask, Truth::Fetched(payment, _)) => {
            let decision = judge(known, payment, Authority::Fetched, event.occurred_at);
            let asked = state(known).after(payment.status, Authority::Fetched, event.occurred_at);
            apply(connection, scope, known, payment, decision, asked, now)?;
        }
        (Decision::Ask, Truth::CouldNotAsk) => {
            connection.execute(
                "UPDATE payments SET settled = 0, version = version + 1 WHERE id = ?1",
                [known.row],
            )?;
        }
        _ => {
            let news = &event.payment;
            let said = state(known).after(news.status, event.authority, event.occurred_at);
            apply(connection, scope, known, news, decision, said, now)?;
        }
    }
    connection.execute(
        "INSERT INTO events (workspace, provider, event, type, occurred_at, received_at, payment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            scope.workspace,
            scope.provider,
            event.event_id,
            event.event_type,
            event.occurred_at,
            received_at,
            known.row
        ],
    )?;
    Ok(Recorded::Recorded)
}

fn judge(
    known: &StoredPayment,
    news: &Payment,
    authority: Authority,
    occurred_at: u64,
) -> Decision {
    decide(&known.amount, state(known), news, authority, occurred_at)
}

/// What is known of a payment, as far as the rule is concerned.
fn state(known: &StoredPayment) -> Known {
    Known { status: known.status, as_of: known.as_of, authority: known.authority }
}

fn apply(
    connection: &Connection,
    scope: &Scope,
    known: &StoredPayment,
    news: &Payment,
    decision: Decision,
    Known { as_of, authority, .. }: Known,
    now: u64,
) -> Result<(), LedgerError> {
    let is_new_state = decision == Decision::Apply;
    let status = if is_new_state { news.status } else { known.status };
    let settled = decision != Decision::Unsettled;
    if is_new_state || decision == Decision::Unsettled {
        let failure = news.failure.as_ref().and_then(|why| serde_json::to_string(why).ok());
        connection.execute(
            "UPDATE payments
             SET name = ?2, status = ?3, provider_status = ?4, received = ?5, failure = ?6,
                 checkout_url = iif(?11, NULL, coalesce(?7, checkout_url)), as_of = ?8,
                 authority = ?9, settled = ?10, version = version + 1
             WHERE id = ?1",
            params![
                known.row,
                news.id,
                status.as_str(),
                news.provider_status,
                news.received,
                failure,
                news.checkout_url,
                as_of,
                authority.as_str(),
                settled,
                is_final(status)
            ],
        )?;
    }
    // A source that does not say never overwrites what is known, and an event may be an old one.
    let refunded = match authority {
        Authority::Fetched => news.refunded.or(known.refunded),
        Authority::Signed => news.refunded.max(known.refunded),
    };
    connection
        .execute("UPDATE payments SET refunded = ?2 WHERE id = ?1", params![known.row, refunded])?;
    for alias in &news.aliases {
        connection.execute(
            "INSERT OR IGNORE INTO aliases (workspace, provider, mode, alias, payment)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![scope.workspace, scope.provider, mode_word(scope.mode), alias, known.row],
        )?;
    }
    tell_flow(connection, known.row, status, now)
}

#[cfg(test)]
mod tests {
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
            let kept =
                ledger.record_event(&scope(), Some("i"), event, &Truth::NotAsked, 7).unwrap();
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
}
