//! One round for one installation: its events, its payments, and how its account is.

use std::time::Duration;

use ledger::{
    AttentionCode, AttentionDetails, FARTHEST_ROUND, InstallationState, Progress, Reconciliation,
    StoredInstallation, WatchedInstallation, Work,
};

use super::budget::{Budget, listing_interval};
use super::{Effort, ReconciliationSummary};
use crate::contract::types::{Check, Problem, Verdict};
use crate::marketplace::handle::Handle;
use crate::marketplace::{Error, Marketplace};

/// How far the listing may be behind before a person has to know, in seconds.
const LAG_FOR_ATTENTION: u64 = 3600;
/// How many rounds in a row may fail before a person has to know: about an hour.
const FAILURES_FOR_ATTENTION: u32 = 7;
/// The time between two reports on the account in the background, in seconds.
const REPORT_INTERVAL: u64 = 86_400;
/// How long such a report may take.
const REPORT_TIMEOUT: Duration = Duration::from_secs(20);
/// The id of the check that says whether the account can charge. Source: the contract.
const CAN_CHARGE: &str = "account-can-charge";

/// The round of one installation.
pub(super) struct Round<'a> {
    pub marketplace: &'a Marketplace,
    pub handle: Handle,
    /// The provider's id of the account, or the installation's id where it is not known.
    pub account: String,
    pub is_draining: bool,
    pub effort: Effort,
    pub state: Reconciliation,
    /// What may be read to list.
    pub list_budget: Budget,
    /// What may be read to ask.
    pub ask_budget: Budget,
    /// Since when there may be events. None: there is no payment.
    pub events_since: Option<u64>,
    pub summary: ReconciliationSummary,
    /// Whether the provider does not accept the credentials.
    pub is_rejected: bool,
    pub progress: &'a (dyn Fn(&ReconciliationSummary) + Sync),
}

impl Marketplace {
    /// Does a round for an installation. What fails is in the summary.
    ///
    /// # Errors
    ///
    /// The ledger fails, or the installation cannot be opened.
    pub(super) async fn reconcile_installation(
        &self,
        watched: &WatchedInstallation,
        effort: Effort,
        progress: &(dyn Fn(&ReconciliationSummary) + Sync),
    ) -> Result<ReconciliationSummary, Error> {
        let id = watched.id.clone();
        let stored = self.read(move |ledger| ledger.installation(&id)).await?;
        // It may have been uninstalled since.
        let Some(stored) = stored.filter(|stored| stored.sealed_installation.is_some()) else {
            return Ok(ReconciliationSummary::default());
        };
        let is_draining = stored.state == InstallationState::Uninstalled;
        let account = watched.account.as_ref().unwrap_or(&watched.id).clone();
        let handle = match self.open_installation(stored.clone()).await {
            Ok(opened) => self.handle(opened),
            Err(error) => Err(error),
        };
        let handle = match handle {
            Ok(handle) => handle,
            Err(error) => {
                self.end_overdue(&stored).await?;
                self.note_unserved(&stored, &account, &error).await?;
                return Err(error);
            }
        };
        let list_budget = self.budget(&account, handle.mode(), Work::Listing).await?;
        let ask_budget = self.budget(&account, handle.mode(), Work::Asking).await?;
        let (scope, key) = (handle.scope.clone(), account.clone());
        let (state, events_since) = self
            .read(move |ledger| {
                Ok((ledger.reconciliation(&scope, &key)?, ledger.events_since(&scope)?))
            })
            .await?;
        let mut round = Round {
            marketplace: self,
            handle,
            account,
            is_draining,
            effort,
            state,
            list_budget,
            ask_budget,
            events_since,
            summary: ReconciliationSummary::default(),
            is_rejected: false,
            progress,
        };
        let done = round.run(&stored).await;
        // What was sent counts, also if the ledger has failed meanwhile.
        self.store_reads(&round.list_budget).await?;
        self.store_reads(&round.ask_budget).await?;
        done?;
        Ok(round.summary)
    }
}

impl Marketplace {
    /// A person has to know that an installation is not served: it belongs to another component, or its secrets do
    /// not open. The entry ends with the next round that succeeds.
    async fn note_unserved(
        &self,
        stored: &StoredInstallation,
        account: &str,
        because: &Error,
    ) -> Result<(), Error> {
        let Some(mode) = stored.mode else { return Ok(()) };
        let (scope, account) = (self.scope(&stored.workspace, mode.into()), account.to_owned());
        let reason = Some(because.problem().into());
        let details = AttentionDetails { reason, ..AttentionDetails::default() };
        let code = AttentionCode::ReconciliationLags;
        self.change_at(move |ledger, now| {
            ledger.raise_attention(&scope, code, &account, details.clone(), now)
        })
        .await
    }
}

impl Round<'_> {
    async fn run(&mut self, stored: &StoredInstallation) -> Result<(), Error> {
        let handle = self.handle.clone();
        self.handle = handle.clone().in_background(&self.list_budget.meter);
        self.list().await?;
        self.store().await?;
        self.handle = handle.in_background(&self.ask_budget.meter);
        // A key that lists nothing may still read payments; one that is not accepted may not.
        if !self.is_rejected {
            self.ask().await?;
        }
        if self.effort == Effort::Everything {
            // What asking has just found out. The background closes it in its next round.
            self.marketplace.mark_closing(true);
            self.marketplace.close_marked(&self.handle).await;
        }
        self.store().await?;
        self.update_lag_attention().await?;
        if self.is_draining {
            self.finish_draining(stored).await
        } else {
            self.report(stored).await
        }
    }

    /// Ends an uninstall whose last open payment has ended.
    async fn finish_draining(&mut self, stored: &StoredInstallation) -> Result<(), Error> {
        match self.marketplace.finish_draining(&self.handle, stored).await {
            Err(error @ (Error::Provider(_) | Error::Plugin(_))) => {
                let problem = error.problem();
                self.summary.fail("uninstall", problem, error.kind());
                Ok(())
            }
            finished => finished,
        }
    }

    /// Whether one half of the reconciliation has to wait. A time that is too far ahead was made by a clock that was
    /// wrong.
    pub(super) fn has_to_wait(&self, progress: &Progress) -> bool {
        let ahead = progress.next_at.saturating_sub(self.now());
        self.effort == Effort::Due && ahead > 0 && ahead <= FARTHEST_ROUND
    }

    pub(super) fn now(&self) -> u64 {
        self.marketplace.now()
    }

    /// The time between two listings, in seconds.
    pub(super) fn interval(&self) -> u64 {
        listing_interval(self.marketplace.plugin().manifest().allotment)
    }

    pub(super) async fn pause(&self) {
        self.marketplace.clock.pause(self.marketplace.request_interval()).await;
    }

    pub(super) async fn store(&self) -> Result<(), Error> {
        let (scope, account) = (self.handle.scope.clone(), self.account.clone());
        let state = self.state.clone();
        self.marketplace
            .change(move |ledger| ledger.store_reconciliation(&scope, &account, &state))
            .await
    }

    /// A person has to know that what happens at the provider is not known in time.
    async fn update_lag_attention(&self) -> Result<(), Error> {
        let (list, ask, now) = (&self.state.list, &self.state.ask, self.now());
        let listed_at = self.state.listed_at.filter(|at| *at <= now).or(self.events_since);
        let lag = listed_at.map_or(0, |listed_at| now.saturating_sub(listed_at));
        let longest = LAG_FOR_ATTENTION.max(2 * self.interval());
        let is_behind = self.state.is_listing_permitted
            && (lag > longest || list.failures >= FAILURES_FOR_ATTENTION);
        let is_late = is_behind || self.is_rejected || ask.failures >= FAILURES_FOR_ATTENTION;
        let reason = list.problem.clone().or_else(|| ask.problem.clone());
        let (scope, account) = (self.handle.scope.clone(), self.account.clone());
        let code = AttentionCode::ReconciliationLags;
        self.marketplace
            .change(move |ledger| {
                if is_late {
                    let reason = reason.clone();
                    let details = AttentionDetails { reason, ..AttentionDetails::default() };
                    ledger.raise_attention(&scope, code, &account, details, now)
                } else {
                    ledger.settle_attention(&scope, code, &account, now)
                }
            })
            .await
    }

    /// Asks once a day whether the account can charge.
    async fn report(&mut self, stored: &StoredInstallation) -> Result<(), Error> {
        let (now, at) = (self.now(), self.state.report_at);
        let is_later = now < at && at - now <= REPORT_INTERVAL;
        if is_later || self.ask_budget.is_used_up() || self.is_rejected {
            return Ok(());
        }
        self.state.report_at = now.saturating_add(REPORT_INTERVAL);
        self.store().await?;
        let mut stored = stored.clone();
        let credentials = self.marketplace.open_credentials(&mut stored).await?;
        let request = self.marketplace.status_request(&stored, &credentials)?;
        if let Ok(report) = self.handle.report_status(REPORT_TIMEOUT, &request).await {
            self.marketplace.note_account(&self.handle, &report.checks).await?;
        }
        Ok(())
    }
}

impl Marketplace {
    /// A person has to know that the account cannot charge, if a check says so.
    pub(in crate::marketplace) async fn note_account(
        &self,
        handle: &Handle,
        checks: &[Check],
    ) -> Result<(), Error> {
        let Some(check) = checks.iter().find(|check| check.id == CAN_CHARGE) else {
            return Ok(());
        };
        let (scope, id) = (handle.scope.clone(), handle.id().to_owned());
        let code = AttentionCode::AccountCannotCharge;
        match check.verdict {
            Verdict::Fail => {
                let (message, remedy) = (check.message.clone(), check.remedy.clone());
                let problem = Problem { code: CAN_CHARGE.to_owned(), message, remedy };
                let reason = Some(problem.into());
                let details = AttentionDetails { reason, ..AttentionDetails::default() };
                self.change_at(move |ledger, now| {
                    ledger.raise_attention(&scope, code, &id, details.clone(), now)
                })
                .await
            }
            Verdict::Pass | Verdict::Warn => {
                self.change_at(move |ledger, now| ledger.settle_attention(&scope, code, &id, now))
                    .await
            }
            // What is not known changes nothing.
            Verdict::Unknown => Ok(()),
        }
    }
}
