//! Refused deliveries: counted in memory and written at most once a second for an installation, because anyone who
//! knows its URL can send them.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Marketplace;
use crate::contract::types::Problem;
use crate::recent::Recent;

/// The shortest time between two writes for one installation.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How many installations are remembered. What is not yet written of others is lost. Our own choice.
const MOST_INSTALLATIONS: usize = 10_000;

/// The deliveries of each installation that are counted and not yet written.
pub(super) type RefusedDeliveries = Recent<String, Refused>;

/// Remembers nothing.
pub(super) fn none() -> RefusedDeliveries {
    Recent::new(MOST_INSTALLATIONS)
}

/// The refused deliveries of one installation.
#[derive(Default)]
pub(super) struct Refused {
    /// How many are not yet written.
    number: u32,
    /// Why the last one was refused.
    reason: Option<Problem>,
    written_at: Option<Instant>,
}

impl Refused {
    /// What is to be written, if the interval has passed.
    fn due(&mut self) -> Option<(u32, Problem)> {
        if self.written_at.is_some_and(|at| at.elapsed() < WRITE_INTERVAL) {
            return None;
        }
        let reason = self.reason.take()?;
        self.written_at = Some(Instant::now());
        Some((std::mem::take(&mut self.number), reason))
    }
}

impl Marketplace {
    /// Counts a refused delivery for the status report, and writes the count if the interval has passed. The answer
    /// to the delivery does not depend on it, so a failure of the ledger is not reported.
    pub(super) async fn count_refused(&self, installation: &str, reason: &Problem) {
        let due = {
            let mut all = self.refused();
            let refused = all.of(installation.to_owned());
            refused.number = refused.number.saturating_add(1);
            refused.reason = Some(reason.clone());
            refused.due()
        };
        if let Some((number, reason)) = due {
            self.write(installation.to_owned(), number, reason).await;
        }
    }

    /// Forgets what is not yet written of an installation: a verified delivery has come since.
    pub(super) fn forget_refused(&self, installation: &str) {
        if let Some(refused) = self.refused().get_mut(&installation.to_owned()) {
            (refused.number, refused.reason) = (0, None);
        }
    }

    /// Writes what is left of those that are not refused any more.
    pub(super) async fn write_refused(&self) {
        let due: Vec<_> = {
            let mut all = self.refused();
            let due = all.iter_mut();
            due.filter_map(|(id, refused)| Some((id.clone(), refused.due()?))).collect()
        };
        for (installation, (number, reason)) in due {
            self.write(installation, number, reason).await;
        }
    }

    async fn write(&self, installation: String, number: u32, reason: Problem) {
        let reason = reason.into();
        let _ = self
            .change_at(move |ledger, now| {
                ledger.record_refused_deliveries(&installation, number, &reason, now)
            })
            .await;
    }

    fn refused(&self) -> MutexGuard<'_, RefusedDeliveries> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
