//! The background: every few seconds, whatever is due for any installation. Accounts do not wait for each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::WatchedInstallation;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Effort, ReconciliationSummary};
use crate::marketplace::{Error, Marketplace};

/// The time between two looks at what is due.
const TICK: Duration = Duration::from_secs(5);
/// How long an account rests after the ledger has failed: nothing could be stored of what was put off.
const REST: Duration = Duration::from_mins(1);
/// How many accounts are served at the same time: each has one request under way.
const ACCOUNTS_AT_ONCE: usize = 16;
/// How many entries of the attention list a look writes to the log.
const LOGGED_ATTENTION: u32 = 100;
/// After so many ticks the log of attention begins anew: entries that are still open are named once a day.
const TICKS_PER_DAY: u64 = 86_400 / TICK.as_secs();

impl Marketplace {
    /// Reconciles what is due, at once and then every few seconds. It never returns. `present` gives the marketplace,
    /// whose plugin may have another version each time.
    pub(in crate::marketplace) async fn reconcile_forever(present: impl Fn() -> Arc<Self>) {
        let mut rounds = JoinSet::new();
        // The accounts whose round is under way, or that rest after the ledger has failed.
        let mut running: HashSet<String> = HashSet::new();
        let mut keys = HashMap::new();
        let places = Arc::new(Semaphore::new(ACCOUNTS_AT_ONCE));
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut logged, mut ticked) = (0, 0_u64);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let present = present();
                    ticked += 1;
                    if ticked.is_multiple_of(TICKS_PER_DAY) {
                        logged = 0;
                    }
                    for (account, installations) in present.due_accounts().await {
                        if !running.insert(account.clone()) {
                            continue;
                        }
                        let (marketplace, places) = (Arc::clone(&present), Arc::clone(&places));
                        let task = rounds.spawn(async move {
                            // It is never closed.
                            let place = places.acquire_owned().await;
                            // On the heap, because ten thousand may wait for a place, and a round needs ten kilobytes.
                            let round = Box::pin(marketplace.reconcile_account(installations));
                            let (_, is_well) = round.await;
                            drop(place);
                            if !is_well {
                                tokio::time::sleep(REST).await;
                            }
                        });
                        keys.insert(task.id(), account);
                    }
                    present.write_refused().await;
                    logged = present.log_attention(logged).await;
                }
                Some(ended) = rounds.join_next_with_id(), if !rounds.is_empty() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!("a round of reconciliation has panicked");
                            error.id()
                        }
                    };
                    if let Some(account) = keys.remove(&id) {
                        running.remove(&account);
                    }
                }
            }
        }
    }

    /// One look at what is due. It waits until everything is done, for a simulation and for tests.
    pub async fn reconcile_once(&self) -> ReconciliationSummary {
        let mut total = ReconciliationSummary::default();
        for (_, installations) in self.due_accounts().await {
            total.add(self.reconcile_account(installations).await.0);
        }
        total
    }

    /// The installations for which there is something to do, by account.
    async fn due_accounts(&self) -> BTreeMap<String, Vec<WatchedInstallation>> {
        let (provider, now) = (self.provider_id().to_owned(), self.now());
        let due = self.read(move |ledger| ledger.due_installations(&provider, now)).await;
        let mut accounts: BTreeMap<String, Vec<WatchedInstallation>> = BTreeMap::new();
        match due {
            Ok(due) => {
                for installation in due {
                    let key = installation.account.clone();
                    let key = key.unwrap_or_else(|| installation.id.clone());
                    accounts.entry(key).or_default().push(installation);
                }
            }
            Err(error) => log_failure("", &error),
        }
        accounts
    }

    /// Does a round for each installation of an account, one after the other. Returns also whether the ledger has
    /// worked all the time.
    async fn reconcile_account(
        &self,
        installations: Vec<WatchedInstallation>,
    ) -> (ReconciliationSummary, bool) {
        let (mut total, mut is_well) = (ReconciliationSummary::default(), true);
        for installation in installations {
            let begun = Instant::now();
            let done = self.reconcile_installation(&installation, Effort::Due, &|_| ()).await;
            match done {
                Ok(summary) => {
                    log_round(&installation.id, &summary, begun.elapsed());
                    total.add(summary);
                }
                Err(error) => {
                    log_failure(&installation.id, &error);
                    is_well = false;
                }
            }
        }
        (total, is_well)
    }

    /// Writes the open entries of the attention list with a higher number to the log. Returns the highest one.
    async fn log_attention(&self, after: u64) -> u64 {
        let provider = self.provider_id().to_owned();
        let entries = self
            .read(move |ledger| ledger.attention_after(&provider, after, LOGGED_ATTENTION))
            .await;
        let mut last = after;
        for entry in entries.unwrap_or_default() {
            last = last.max(entry.id);
            tracing::warn!(
                attention = entry.id,
                code = entry.code.as_str(),
                workspace = entry.workspace,
                mode = entry.mode.as_str(),
                reference = entry.reference.as_deref().map(crate::foreign::logged).as_deref(),
                payment = entry.payment.as_deref().map(crate::foreign::logged).as_deref(),
                since = entry.since,
                "a person is needed: see `host-test attention`",
            );
        }
        last
    }
}

fn log_failure(installation: &str, error: &Error) {
    let code = error.problem().code;
    tracing::warn!(installation, code, "reconciliation failed: {error}");
}

fn log_round(installation: &str, summary: &ReconciliationSummary, time: Duration) {
    if !summary.is_worth_a_line() {
        return;
    }
    tracing::info!(
        installation,
        listed = summary.listed,
        new = summary.new,
        asked = summary.asked,
        changed = summary.changed,
        failed = summary.failed,
        milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        "reconciled",
    );
    for failure in &summary.failures {
        tracing::warn!(
            installation,
            what = &*crate::foreign::logged(&failure.what),
            code = &*crate::foreign::logged(&failure.problem.code),
            "reconciliation failed: {}",
            crate::foreign::logged(&failure.problem.message),
        );
    }
}
