//! Reconciliation: what no delivery tells is found by asking. It has two halves that do not wait for each other:
//! listing the events of an account, and asking about payments. It serves every installation of every workspace,
//! and what fails holds up nothing else: a page keeps its cursor, a payment has its own next time.

mod account;
mod asking;
mod budget;
mod listing;
mod pages;
mod rounds;

use std::time::Duration;

use super::{Error, ErrorKind, Marketplace};
use crate::contract::types::Problem;

/// How many failures a reconciliation names.
const NAMED_FAILURES: usize = 20;

/// What a reconciliation did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReconciliationSummary {
    /// Events that the provider listed.
    pub listed: usize,
    /// Listed events that were not recorded before.
    pub new: usize,
    /// Payments that were asked about.
    pub asked: usize,
    /// Payments that differed from the stored ones.
    pub changed: usize,
    /// How much has failed.
    pub failed: usize,
    /// What has failed first.
    pub failures: Vec<ReconciliationFailure>,
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct ReconciliationFailure {
    /// What was asked for: `events`, or the reference of a payment.
    pub what: String,
    /// Why.
    pub problem: Problem,
    /// Whether repeating helps.
    pub kind: ErrorKind,
}

impl ReconciliationSummary {
    /// Whether something was done or has failed.
    fn is_worth_a_line(&self) -> bool {
        self.listed + self.asked + self.failed > 0
    }

    fn fail(&mut self, what: &str, problem: Problem, kind: ErrorKind) {
        self.failed += 1;
        if self.failures.len() < NAMED_FAILURES {
            self.failures.push(ReconciliationFailure { what: what.to_owned(), problem, kind });
        }
    }

    fn add(&mut self, other: Self) {
        self.listed += other.listed;
        self.new += other.new;
        self.asked += other.asked;
        self.changed += other.changed;
        self.failed += other.failed;
        let room = NAMED_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }
}

/// How much a round does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    /// What is due, up to a bound, within the budget of the background.
    Due,
    /// Everything, now: a person has asked for it.
    Everything,
}

impl Marketplace {
    /// Reconciles every installation of the workspace: goes on with uninstalls that wait, lists missed events, and
    /// asks about every payment that is not decided. `progress` is called after each step. What fails is in the
    /// summary, and holds up nothing else.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the ledger cannot be read.
    pub async fn reconcile(
        &self,
        progress: impl Fn(&ReconciliationSummary) + Sync,
    ) -> Result<ReconciliationSummary, Error> {
        let (provider, workspace) = (self.provider_id().to_owned(), self.workspace.clone());
        let watched =
            self.read(move |ledger| ledger.watched_installations(&provider, &workspace)).await?;
        if watched.is_empty() {
            // Says why: nothing is installed, or an install was interrupted.
            self.active_handle().await?;
        }
        let mut total = ReconciliationSummary::default();
        for installation in watched {
            let before = total.clone();
            let report = |summary: &ReconciliationSummary| {
                let mut both = before.clone();
                both.add(summary.clone());
                progress(&both);
            };
            match self.reconcile_installation(&installation, Effort::Everything, &report).await {
                Ok(summary) => total.add(summary),
                // One that fails holds up no other.
                Err(error) => total.fail(&installation.id, error.problem(), error.kind()),
            }
        }
        Ok(total)
    }

    /// The pause between two requests of the background.
    pub(super) fn request_interval(&self) -> Duration {
        budget::request_interval(self.plugin().manifest().allotment)
    }
}
