//! Pruning the ledger.

use super::{Error, Marketplace};
use ledger::Pruned;

/// The least number of days after which something is deleted. Our own choice: providers keep their events for 30.
pub const LEAST_PRUNED_DAYS: u64 = 31;

const SECONDS_PER_DAY: u64 = 86_400;

impl Marketplace {
    /// Deletes what is older than a number of days and not needed for money, in every workspace of the ledger:
    /// see [`Ledger::prune`](ledger::Ledger::prune).
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn prune(&self, days: u64) -> Result<Pruned, Error> {
        let before = self.now().saturating_sub(days.saturating_mul(SECONDS_PER_DAY));
        self.change_alone(move |ledger| Ok(ledger.prune(before)?)).await
    }
}
