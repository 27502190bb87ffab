//! How many reads the background may send for an account: a share of what the manifest says that the provider
//! allots, so that flows and people always find room.

use std::sync::Arc;
use std::time::Duration;

use ledger::{CountedAccount, Work};

use crate::contract::types::{Allotment, Mode};
use crate::egress::Meter;
use crate::marketplace::{Error, Marketplace};

/// The requests a second that a provider is assumed to allow whose manifest does not say.
const DEFAULT_REQUESTS_PER_SECOND: u32 = 25;
const SECONDS_PER_DAY: u64 = 86_400;
/// The days over which an allotment of reads counts. Source: the contract.
const ALLOTMENT_DAYS: u64 = 30;
/// The shortest time between two listings, in seconds.
const SHORTEST_INTERVAL: u64 = 300;

/// The pause between two requests of the background: it uses four fifths of what the provider allows.
pub fn request_interval(allotment: Allotment) -> Duration {
    let per_second = allotment.per_second.unwrap_or(DEFAULT_REQUESTS_PER_SECOND);
    Duration::from_millis(1250) / per_second.max(1)
}

/// The time between two listings, in seconds: together they take at most half of the reads of a month.
pub fn listing_interval(allotment: Allotment) -> u64 {
    let per_month = allotment.per_month.map(|reads| u64::from(reads / 2).max(1));
    let interval = per_month.map_or(0, |reads| (ALLOTMENT_DAYS * SECONDS_PER_DAY).div_ceil(reads));
    interval.max(SHORTEST_INTERVAL)
}

/// How many reads a half of the background may send in 30 days: five tenths of the allotment to list, three to ask.
/// None: no limit is known.
fn reads_per_month(allotment: Allotment, work: Work) -> Option<u64> {
    let tenths = match work {
        Work::Listing => 5,
        Work::Asking => 3,
    };
    allotment.per_month.map(|reads| u64::from(reads) * tenths / 10)
}

/// The budget of an account for one half of a round.
pub struct Budget {
    /// Counts the reads of the round.
    pub meter: Arc<Meter>,
    /// How many reads were left when the round began. None: no limit is known.
    left: Option<u64>,
    account: CountedAccount,
    work: Work,
}

impl Budget {
    /// Whether the round may send no more.
    pub fn is_used_up(&self) -> bool {
        self.left.is_some_and(|left| self.meter.reads() >= left)
    }
}

impl Marketplace {
    /// The budget of an account, after what the background has sent in the last 30 days.
    pub(super) async fn budget(
        &self,
        account: &str,
        mode: Mode,
        work: Work,
    ) -> Result<Budget, Error> {
        let limit = reads_per_month(self.plugin().manifest().allotment, work);
        let account = CountedAccount {
            provider: self.provider_id().to_owned(),
            account: account.to_owned(),
            mode: mode.into(),
        };
        let since = (self.now() / SECONDS_PER_DAY).saturating_sub(ALLOTMENT_DAYS - 1);
        let of = account.clone();
        let used = self.read(move |ledger| ledger.background_reads(&of, work, since)).await?;
        let left = limit.map(|limit| limit.saturating_sub(used));
        Ok(Budget { meter: Arc::default(), left, account, work })
    }

    /// Stores what a round has sent.
    pub(super) async fn store_reads(&self, budget: &Budget) -> Result<(), Error> {
        let reads = budget.meter.reads();
        if reads == 0 {
            return Ok(());
        }
        let (account, work) = (budget.account.clone(), budget.work);
        let day = self.now() / SECONDS_PER_DAY;
        let keep_since = day.saturating_sub(ALLOTMENT_DAYS);
        self.change(move |ledger| {
            ledger.add_background_reads(&account, work, day, reads, keep_since)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_takes_half_of_the_month() {
        let of = |per_month| Allotment { per_second: Some(25), per_month };
        for (per_month, interval) in
            [(None, 300), (Some(1_000_000), 300), (Some(10_000), 519), (Some(0), 2_592_000)]
        {
            assert_eq!(listing_interval(of(per_month)), interval);
        }
        let month = 30 * 86_400 / listing_interval(of(Some(10_000)));
        assert!(month <= 5000, "{month}");
        let reads =
            [Work::Listing, Work::Asking].map(|work| reads_per_month(of(Some(10_000)), work));
        assert_eq!(reads, [Some(5000), Some(3000)]);
        assert_eq!(request_interval(of(None)), Duration::from_millis(50));
    }
}
