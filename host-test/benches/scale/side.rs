//! One of the two that are compared.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::asks::{Ask, REQUESTS};
use crate::support::load::Connection;
use crate::support::merchant::Merchants;
use crate::support::running::Running;

/// Deliveries in each second of the first rounds, until there have been so many.
const IN_A_SECOND: u64 = 10;
const MOST_IN_ROUNDS: u64 = 5000;
/// How many payments wait for their delivery.
const OPEN: u64 = MOST_IN_ROUNDS + 3 * crate::DELIVERIES;
/// The first rounds have to be over by then: one that never comes is an error.
const LONGEST: Duration = Duration::from_hours(1);

/// A data folder, and the `serve` over it.
pub struct Side {
    pub merchants: Merchants,
    pub serve: Running,
    /// The number of the next payment that is not paid yet.
    next: u64,
    /// How many payments there are.
    pub end: u64,
}

impl Side {
    /// `payments` are paid, and `OPEN` more wait for their delivery.
    pub async fn new(data: &Path, installations: usize, payments: u64) -> Self {
        let begun = Instant::now();
        let merchants = Merchants::install(data, installations).await;
        println!("installations: {installations}, in {:.1} s", begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        merchants.pay_and_deliver(0..payments);
        println!("payments: {payments}, in {:.1} s", begun.elapsed().as_secs_f64());
        let end = payments + OPEN;
        merchants.pay(payments..end);
        // The first start compiles the component.
        drop(merchants.serve().await);
        let serve = merchants.serve().await;
        Self { merchants, serve, next: payments, end }
    }

    /// The next deliveries.
    pub fn deliveries(&mut self, number: u64) -> Vec<Vec<u8>> {
        let numbers = self.next..self.end.min(self.next.saturating_add(number));
        self.next = numbers.end;
        self.merchants.paid(numbers)
    }

    /// An operator's requests, each for the next merchant.
    pub fn requests(&self, ask: &Ask) -> Vec<Vec<u8>> {
        let request = |number| {
            let position = usize::try_from(number).unwrap() % self.merchants.all.len();
            let merchant = &self.merchants.all[position];
            let workspace = format!("?workspace={}", merchant.workspace);
            let query = if ask.is_of_one { workspace } else { String::new() };
            self.serve.request(ask.method, &format!("{}{query}", ask.path), &(ask.body)(number))
        };
        (0..REQUESTS).map(request).collect()
    }

    /// How many of these installations have had no round.
    fn without_round(&self, all: &mut Range<usize>) -> usize {
        let ledger = self.merchants.ledger();
        while let Some(merchant) = self.merchants.all[all.clone()].first() {
            let round = ledger.reconciliation(&merchant.scope, &merchant.installation).unwrap();
            // The report is its last step.
            if round.report_at == 0 {
                break;
            }
            all.start += 1;
        }
        all.len()
    }

    /// Delivers in each second until each installation has had a round of the background. Returns the times of the
    /// deliveries.
    pub async fn first_rounds(&mut self) -> Vec<Duration> {
        let (begun, mut left, mut times) =
            (Instant::now(), 0..self.merchants.all.len(), Vec::new());
        let last = self.next + MOST_IN_ROUNDS;
        let mut connection = Connection::open(self.serve.door).await;
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        while self.without_round(&mut left) > 0 {
            assert!(begun.elapsed() < LONGEST, "{} installations have had no round", left.len());
            seconds.tick().await;
            // An idle connection would be closed.
            let most = if self.next < last { IN_A_SECOND } else { 0 };
            for request in self.deliveries(most) {
                times.push(connection.exchange(&request).await);
            }
        }
        println!("the first rounds took {:.1} s", begun.elapsed().as_secs_f64());
        times
    }

    /// What is due, as the background reads it.
    pub fn due(&self) -> Duration {
        let (ledger, begun) = (self.merchants.ledger(), Instant::now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        ledger.due_installations("STRIPE", now).unwrap();
        begun.elapsed()
    }
}
