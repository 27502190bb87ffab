//! Deliveries for no known installation: counted in memory and written at most once a second,
//! because anyone can send them.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Error, Marketplace};

/// The shortest time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two lines of the log. Our own choice.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The deliveries that are counted and not yet written.
#[derive(Default)]
pub(super) struct UnclaimedDeliveries {
    number: u64,
    written_at: Option<Instant>,
    /// How many the log does not say yet.
    unlogged: u64,
    logged_at: Option<Instant>,
}

impl UnclaimedDeliveries {
    fn count(&mut self) {
        self.number += 1;
        self.unlogged += 1;
        if self.logged_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            self.logged_at = Some(Instant::now());
            let number = std::mem::take(&mut self.unlogged);
            tracing::info!(number, "deliveries for no known installation");
        }
    }
}

impl Marketplace {
    /// Counts one delivery, and writes the count if the interval has passed.
    pub(super) async fn count_unclaimed(&self) -> Result<(), Error> {
        let is_due = {
            let mut unclaimed = self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
            unclaimed.count();
            unclaimed.written_at.is_none_or(|at| at.elapsed() >= WRITE_INTERVAL)
        };
        if is_due { self.write_unclaimed().await } else { Ok(()) }
    }

    /// Writes the count. If that fails, the count is kept for the next write.
    pub(super) async fn write_unclaimed(&self) -> Result<(), Error> {
        let number = {
            let mut unclaimed = self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
            unclaimed.written_at = Some(Instant::now());
            std::mem::take(&mut unclaimed.number)
        };
        if number == 0 {
            return Ok(());
        }
        let provider = self.provider_id().to_owned();
        let written = self
            .change_at(move |ledger, now| ledger.add_unclaimed_deliveries(&provider, number, now))
            .await;
        if written.is_err() {
            let mut unclaimed = self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
            unclaimed.number += number;
        }
        written
    }
}
