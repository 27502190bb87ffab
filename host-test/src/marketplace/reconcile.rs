//! Reconciliation: lists the events that no delivery has brought, and fetches unfinished payments.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::{Error, ErrorKind, Marketplace};
use crate::clock::now;
use crate::contract::types::{Event, EventQuery, ProviderError};
use ledger::EventOutcome;

/// How far back events are listed, in seconds: providers keep them for about 30 days.
const EVENT_RETENTION: u64 = 30 * 86_400;
/// How many seconds before the last reconciliation the listing begins: an event may be listed later
/// than it is dated.
const EVENT_OVERLAP: u64 = 300;
const EVENTS_PER_PAGE: u32 = 100;
/// The requests a second that a provider is assumed to allow whose manifest does not say.
const DEFAULT_REQUESTS_PER_SECOND: u32 = 25;
/// How old an unfinished payment is, in seconds, when the background fetches it.
const UNFINISHED_AGE: u64 = 600;
/// The time between two reconciliations in the background.
const RECONCILE_INTERVAL: Duration = Duration::from_mins(5);
/// The time between two refetches of the payments that are marked for one.
const REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The pause after a failure. It doubles with each further failure, up to `RECONCILE_INTERVAL`.
const INITIAL_BACK_OFF: Duration = Duration::from_secs(10);

/// What a reconciliation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconciliationSummary {
    /// Events that the provider listed.
    pub listed: usize,
    /// Listed events that were not recorded before.
    pub new: usize,
    /// Payments that were fetched.
    pub fetched: usize,
    /// Fetched payments that differed from the stored ones.
    pub changed: usize,
}

impl Marketplace {
    /// Goes on with uninstalls that wait, lists missed events, then fetches every unfinished payment.
    /// `progress` is called after each step.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the provider refuses or cannot be reached. What was recorded until
    /// then stays, and the next reconciliation begins at the same time again.
    pub async fn reconcile(
        &self,
        progress: impl Fn(&ReconciliationSummary),
    ) -> Result<ReconciliationSummary, Error> {
        let is_draining = self.drain().await?;
        match self.reconcile_older_than(0, progress).await {
            Err(Error::NotInstalled) if is_draining => Ok(ReconciliationSummary::default()),
            reconciled => reconciled,
        }
    }

    /// As `reconcile`, but leaves out unfinished payments that are younger than `age` seconds.
    async fn reconcile_older_than(
        &self,
        age: u64,
        progress: impl Fn(&ReconciliationSummary),
    ) -> Result<ReconciliationSummary, Error> {
        let handle = self.active_handle().await?;
        let scope = handle.scope.clone();
        let mut summary = ReconciliationSummary::default();
        let started_at = now();
        let mut until = started_at;
        let ledger_scope = scope.clone();
        let since = self.ledger(move |ledger| ledger.reconciled_until(&ledger_scope)).await?;
        if let Some(since) = since {
            let oldest = started_at.saturating_sub(EVENT_RETENTION);
            let since = since.saturating_sub(EVENT_OVERLAP).max(oldest);
            let (events, as_of) = self.list_events_since(&handle, since).await?;
            until = as_of.min(started_at);
            summary.listed = events.len();
            progress(&summary);
            for event in &events {
                let outcome = self.apply_event(event, &handle, None).await?;
                let is_new = matches!(outcome, EventOutcome::Recorded { .. } | EventOutcome::Early);
                summary.new += usize::from(is_new);
                progress(&summary);
            }
        }
        self.fetch_unfinished(&handle, age, &mut summary, &progress).await?;
        self.mark_closing(true);
        self.close_marked(&handle).await;
        self.ledger(move |ledger| ledger.record_reconciled(&scope, until)).await?;
        Ok(summary)
    }

    /// Every event since a time, oldest first, and the time by the provider's clock up to which the
    /// listing is complete, both in Unix seconds.
    async fn list_events_since(
        &self,
        handle: &Handle,
        since: u64,
    ) -> Result<(Vec<Event>, u64), Error> {
        let mut events = Vec::new();
        let mut query = EventQuery { since, limit: EVENTS_PER_PAGE, cursor: None };
        // The first page's time counts: what happens later may be on none of the pages.
        let mut as_of = u64::MAX;
        loop {
            let page = handle.list_events(&query).await??;
            events.extend(page.events);
            as_of = as_of.min(page.as_of);
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                // The contract lists the newest first.
                events.reverse();
                return Ok((events, as_of));
            }
            tokio::time::sleep(self.request_interval()).await;
        }
    }

    /// The pause between two requests: it uses four fifths of what the provider allows, so that the
    /// flows' requests find room.
    pub(super) fn request_interval(&self) -> Duration {
        let allotment = self.plugin.manifest().allotment.per_second;
        Duration::from_millis(1250) / allotment.unwrap_or(DEFAULT_REQUESTS_PER_SECOND).max(1)
    }

    async fn fetch_unfinished(
        &self,
        handle: &Handle,
        age: u64,
        summary: &mut ReconciliationSummary,
        progress: &impl Fn(&ReconciliationSummary),
    ) -> Result<(), Error> {
        let (ledger_scope, before) = (handle.scope.clone(), now().saturating_sub(age));
        let unfinished =
            self.ledger(move |ledger| ledger.unfinished_payments(&ledger_scope, before)).await?;
        for stored in unfinished {
            let Some(remote_id) = &stored.remote_id else { continue };
            summary.fetched += 1;
            let fetched = match self.fetch(handle, remote_id).await {
                // The payment belongs to another account, which was installed here before.
                Err(Error::Provider(ProviderError::NotFound(_))) => None,
                fetched => fetched?,
            };
            summary.changed += usize::from(fetched.is_some_and(|(now, _)| {
                (now.status, now.received, now.refunded, now.needs_refetch)
                    != (stored.status, stored.received, stored.refunded, stored.needs_refetch)
            }));
            progress(summary);
            tokio::time::sleep(self.request_interval()).await;
        }
        Ok(())
    }

    /// Fetches the payments that are marked for a refetch. `false`: some did not change, because only
    /// a person can resolve them.
    async fn refetch_marked(&self) -> Result<bool, Error> {
        let handle = self.active_handle().await?;
        let mut summary = ReconciliationSummary::default();
        // No payment is this old, so that only the marked ones are left.
        let age = u64::MAX;
        self.fetch_unfinished(&handle, age, &mut summary, &|_| ()).await?;
        self.mark_closing(true);
        self.close_marked(&handle).await;
        Ok(summary.changed == summary.fetched)
    }

    /// Reconciles at once and then at each interval, and refetches marked payments in between. After
    /// a failure it pauses for longer and longer. It never returns.
    pub async fn reconcile_forever(self: Arc<Self>) {
        let mut failures = 0;
        let mut next_reconciliation = tokio::time::Instant::now();
        let mut next_drain = next_reconciliation;
        loop {
            let now = tokio::time::Instant::now();
            if now >= next_drain {
                // A failure is met again by the next round.
                let _ = self.drain().await;
                next_drain = now + RECONCILE_INTERVAL;
            }
            let is_due = now >= next_reconciliation;
            let result = if is_due {
                self.reconcile_older_than(UNFINISHED_AGE, |_| ()).await.map(|_| true)
            } else {
                self.refetch_marked().await
            };
            match result {
                Ok(true) => {
                    failures = 0;
                    if is_due {
                        next_reconciliation = tokio::time::Instant::now() + RECONCILE_INTERVAL;
                    }
                    tokio::time::sleep(REFETCH_INTERVAL).await;
                }
                // Such as `NotInstalled`: there is nothing to reconcile.
                Err(error) if error.kind() == ErrorKind::Refused => {
                    tokio::time::sleep(REFETCH_INTERVAL).await;
                }
                Ok(false) | Err(_) => {
                    let back_off = INITIAL_BACK_OFF * 2_u32.pow(failures);
                    tokio::time::sleep(back_off.min(RECONCILE_INTERVAL)).await;
                    failures = (failures + 1).min(5);
                }
            }
        }
    }
}
