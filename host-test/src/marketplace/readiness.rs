//! Whether the marketplace can take deliveries, and how far it is behind.

use std::sync::Arc;

use super::components::serves;
use super::rotation::check_opens;
use super::{Error, Marketplace, Providers};
use crate::contract::types::Problem;

/// How the marketplace is, over all workspaces and both modes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readiness {
    /// How many seconds ago the oldest complete listing of events was, of an account whose events may be listed.
    pub listing_lag: u64,
    /// How many seconds ago a payment should have been asked about.
    pub asking_lag: u64,
    /// How many entries of the attention list are open.
    pub attention: u64,
    /// Why it cannot do its work. Empty: it can.
    pub problems: Vec<Problem>,
}

impl Providers {
    /// How all providers are together.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn readiness(&self) -> Result<Readiness, Error> {
        let mut together = Readiness::default();
        for marketplace in self.all() {
            together = together.and(marketplace.readiness().await?);
        }
        let unserved = self.unserved().await?;
        together.problems.extend(unserved.iter().map(|provider| provider_unserved(provider)));
        Ok(together)
    }
}

impl Readiness {
    /// Together with another provider of the same data folder: the longer lags, all entries, each problem once.
    fn and(mut self, other: Self) -> Self {
        self.listing_lag = self.listing_lag.max(other.listing_lag);
        self.asking_lag = self.asking_lag.max(other.asking_lag);
        self.attention += other.attention;
        for problem in other.problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        self
    }
}

impl Marketplace {
    /// How the marketplace is. What was measured is in the metrics too.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn readiness(&self) -> Result<Readiness, Error> {
        let (provider, own, now) = (self.provider_id().to_owned(), self.component(), self.now());
        let (mut readiness, others) = self
            .read(move |ledger| {
                let lag = ledger.lag(&provider, now)?;
                let readiness = Readiness {
                    listing_lag: lag.listing,
                    asking_lag: lag.asking,
                    attention: ledger.attention_count(&provider)?,
                    problems: Vec::new(),
                };
                let installed = ledger.installed_components(&provider, None)?;
                let others = installed.iter().filter(|other| !serves(&own, &other.component));
                Ok((readiness, others.map(|other| other.installations).sum::<u64>()))
            })
            .await?;
        if let Some(problem) = installations_of_others(self.provider_id(), others) {
            readiness.problems.push(problem);
        }
        if let Err(error) = self.check_vault().await {
            readiness.problems.push(error.problem());
        }
        let Readiness { listing_lag, asking_lag, attention, .. } = readiness;
        self.telemetry.set_readiness(listing_lag, asking_lag, attention);
        Ok(readiness)
    }

    /// Refused if something is sealed and the vault does not open it.
    ///
    /// # Errors
    ///
    /// The key is missing, malformed or another one, or the ledger fails.
    pub async fn check_vault(&self) -> Result<(), Error> {
        let (vault, ledger) = (Arc::clone(&self.vault), Arc::clone(&self.ledger));
        Self::blocking(move || ledger.read(|ledger| check_opens(&vault, ledger))).await
    }
}

/// The problem of an installed provider whose plugin is not loaded.
pub(super) fn provider_unserved(provider: &str) -> Problem {
    Problem::new(
        "provider-unserved",
        format!(
            "{provider} is installed here, and its plugin is not loaded. Its deliveries are not taken, and nothing of it is reconciled."
        ),
        &["Start `host-test serve` with its component too: `--plugin FILE`."],
    )
}

/// The problem of installations whose deliveries this component may not read.
fn installations_of_others(provider: &str, number: u64) -> Option<Problem> {
    let (message, it) = match number {
        0 => return None,
        1 => (format!("1 installation of {provider} belongs"), "it"),
        number => (format!("{number} installations of {provider} belong"), "them"),
    };
    Some(Problem::new(
        "component-differs",
        format!("{message} to another component than the one that is served."),
        &[
            "Start `host-test serve` with the component that the installations belong to (`--component FILE`).",
            &format!("To give {it} to this component: run `host-test approve` with its file."),
        ],
    ))
}
