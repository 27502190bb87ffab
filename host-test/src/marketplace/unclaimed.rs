//! Deliveries that name nothing of ours: counted, and written down at most once a second, because
//! anyone can send them.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Error, Marketplace};
use crate::clock::now;

/// How often they are written down at most.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Those that are not written down yet.
#[derive(Default)]
pub(super) struct Unclaimed {
    number: u64,
    written_at: Option<Instant>,
}

impl Marketplace {
    /// Counts a delivery that names nothing of ours.
    pub(super) async fn note_unclaimed(&self) -> Result<(), Error> {
        let is_due = {
            let mut unclaimed = self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
            unclaimed.number += 1;
            unclaimed.written_at.is_none_or(|at| at.elapsed() >= WRITE_INTERVAL)
        };
        if is_due { self.write_unclaimed().await } else { Ok(()) }
    }

    /// Writes the number down. What cannot be written is counted again the next time.
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
        let written =
            self.ledger(move |ledger| ledger.note_unclaimed(&provider, number, now())).await;
        if written.is_err() {
            let mut unclaimed = self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
            unclaimed.number += number;
        }
        written
    }
}
