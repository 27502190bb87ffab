//! Whether the marketplace can take deliveries, and how far it is behind.

use super::{Error, Marketplace};

/// How the marketplace is, over all workspaces and both modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// How many seconds ago the oldest complete listing of events was, of an account whose events may be listed.
    pub listing_lag: u64,
    /// How many seconds ago a payment should have been asked about.
    pub asking_lag: u64,
    /// How many entries of the attention list are open.
    pub attention: u64,
}

impl Marketplace {
    /// How the marketplace is.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn readiness(&self) -> Result<Readiness, Error> {
        let provider = self.provider_id().to_owned();
        self.ledger_at(move |ledger, now| {
            let lag = ledger.lag(&provider, now)?;
            let attention = ledger.attention_count(&provider)?;
            Ok(Readiness { listing_lag: lag.listing, asking_lag: lag.asking, attention })
        })
        .await
    }
}
