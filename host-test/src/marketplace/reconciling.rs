//! Finding out what no delivery has told: events that were missed, and payments that are not
//! finished.

use std::sync::Arc;
use std::time::Duration;

use super::{Error, Failing, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{Event, EventQuery, Installation, ProviderError};
use crate::egress::Credentials;
use crate::ledger::{Recorded, Scope};

/// How far back events are asked for: providers forget them after 30 days.
const KEPT: u64 = 30 * 86_400;
/// How far back is asked again: an event may be listed later than its time says.
const OVERLAP: u64 = 300;
/// How many events a page may have.
const PAGE: u32 = 100;
/// How many requests a second a provider is thought to allow that does not say.
const USUAL_ALLOTMENT: u32 = 25;
/// How long a payment may be unfinished before the background asks about it.
const PATIENCE: u64 = 600;
/// How often the background asks for missed events.
const ROUND: Duration = Duration::from_mins(5);
/// How often it looks for payments that are not settled.
const SETTLING: Duration = Duration::from_secs(10);
/// How long it waits after a failure; twice as long after each that follows, up to a round.
const BACK_OFF: Duration = Duration::from_secs(10);

/// What a reconciliation found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Events that the provider listed.
    pub listed: usize,
    /// Those that were new here.
    pub new: usize,
    /// Payments that were asked about.
    pub asked: usize,
    /// Those that were something else than was known.
    pub changed: usize,
}

impl Marketplace {
    /// Asks for missed events, then about every payment that is not finished, and tells how it
    /// goes.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the provider refuses or is not there. What was found until then is
    /// kept, and the next reconciliation begins where this one began.
    pub async fn reconcile(&self, progress: impl Fn(&Reconciled)) -> Result<Reconciled, Error> {
        self.reconcile_older_than(0, progress).await
    }

    async fn reconcile_older_than(
        &self,
        age: u64,
        progress: impl Fn(&Reconciled),
    ) -> Result<Reconciled, Error> {
        let Opened { row, record, credentials } = self.opened().await?;
        let scope = self.scope(&row.workspace, record.mode);
        let mut found = Reconciled::default();
        let begun = now();
        let mut until = begun;
        let whose = scope.clone();
        let since = self.ledger(move |ledger| ledger.reconciled_until(&whose)).await?;
        if let Some(since) = since {
            let since = since.saturating_sub(OVERLAP).max(begun.saturating_sub(KEPT));
            let (events, as_of) = self.missed(&record, &credentials, since).await?;
            until = as_of.min(begun);
            found.listed = events.len();
            progress(&found);
            for event in &events {
                let egress = self.egress(credentials.clone(), record.mode).await?;
                let recorded = self.take(event, &egress, &record, &scope, None).await?;
                found.new += usize::from(matches!(recorded, Recorded::Recorded | Recorded::Early));
                progress(&found);
            }
        }
        self.ask_about_unfinished(&record, &credentials, &scope, age, &mut found, &progress)
            .await?;
        self.ledger(move |ledger| ledger.note_reconciled(&scope, until)).await?;
        Ok(found)
    }

    /// Every event since a time, oldest first, and the time by the provider's clock up to which they
    /// were listed.
    async fn missed(
        &self,
        record: &Installation,
        credentials: &Credentials,
        since: u64,
    ) -> Result<(Vec<Event>, u64), Error> {
        let mut events = Vec::new();
        let mut query = EventQuery { since, limit: PAGE, cursor: None };
        // What happens while the pages are listed may be on none of them.
        let mut as_of = u64::MAX;
        loop {
            let egress = self.egress(credentials.clone(), record.mode).await?;
            let page = self.plugin.list_events(egress, record, &query).await??;
            events.extend(page.events);
            as_of = as_of.min(page.as_of);
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                // The provider lists the newest first.
                events.reverse();
                return Ok((events, as_of));
            }
            tokio::time::sleep(self.pace()).await;
        }
    }

    /// Between two calls: four of five requests that the provider allows, so that flows find room.
    fn pace(&self) -> Duration {
        let allotment = self.plugin.manifest().allotment.per_second.unwrap_or(USUAL_ALLOTMENT);
        Duration::from_millis(1250) / allotment.max(1)
    }

    async fn ask_about_unfinished(
        &self,
        record: &Installation,
        credentials: &Credentials,
        scope: &Scope,
        age: u64,
        found: &mut Reconciled,
        progress: &impl Fn(&Reconciled),
    ) -> Result<(), Error> {
        let (whose, before) = (scope.clone(), now().saturating_sub(age));
        let unfinished = self.ledger(move |ledger| ledger.unfinished(&whose, before)).await?;
        for known in unfinished {
            let Some(name) = &known.name else { continue };
            let egress = self.egress(credentials.clone(), record.mode).await?;
            found.asked += 1;
            let asked = match self.ask(&egress, record, scope, name).await {
                // It is of another account, which was installed here before: the others go on.
                Err(Error::Provider(ProviderError::NotFound(_))) => None,
                asked => asked?,
            };
            found.changed += usize::from(asked.is_some_and(|(now, _)| {
                (now.status, now.received, now.refunded, now.settled)
                    != (known.status, known.received, known.refunded, known.settled)
            }));
            progress(found);
            tokio::time::sleep(self.pace()).await;
        }
        Ok(())
    }

    /// Asks about what is not settled. Whether it helped: some things only a person can settle.
    async fn settle(&self) -> Result<bool, Error> {
        let Opened { row, record, credentials } = self.opened().await?;
        let scope = self.scope(&row.workspace, record.mode);
        let mut found = Reconciled::default();
        // Nothing was asked for before the beginning of time: only what is not settled is left.
        self.ask_about_unfinished(&record, &credentials, &scope, u64::MAX, &mut found, &|_| ())
            .await?;
        Ok(found.changed == found.asked)
    }

    /// Reconciles at once and again and again, and settles in between, with longer and longer
    /// pauses as long as the provider does not answer. It never ends.
    pub async fn keep_reconciled(self: Arc<Self>) {
        let mut failures = 0;
        let mut next_round = tokio::time::Instant::now();
        loop {
            let is_round = tokio::time::Instant::now() >= next_round;
            let result = if is_round {
                self.reconcile_older_than(PATIENCE, |_| ()).await.map(|_| true)
            } else {
                self.settle().await
            };
            match result {
                Ok(true) => {
                    failures = 0;
                    if is_round {
                        next_round = tokio::time::Instant::now() + ROUND;
                    }
                    tokio::time::sleep(SETTLING).await;
                }
                // Where nothing is installed, nothing is to be done.
                Err(error) if error.failing() == Failing::Refused => {
                    tokio::time::sleep(SETTLING).await;
                }
                Ok(false) | Err(_) => {
                    tokio::time::sleep((BACK_OFF * 2_u32.pow(failures)).min(ROUND)).await;
                    failures = (failures + 1).min(5);
                }
            }
        }
    }
}
