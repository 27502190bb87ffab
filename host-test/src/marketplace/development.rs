//! What is easier while a plugin is developed, and in test mode only: a rebuilt component goes on without a review,
//! and deliveries are kept as they came, to be repeated.

use serde::{Deserialize, Serialize};

use super::delivery_trace::Trace;
use super::{DeliveryOutcome, DeliveryTarget, Error, Marketplace};
use crate::contract::types::{Mode, WebhookRequest};
use crate::delivery_causes::Outcome;
use crate::plugin::sha256;
use crate::sender::Sender;
use ledger::{CarriedOver, KeptDelivery};

/// The largest body of a kept delivery, in bytes. Our own choice: a real one has a few thousand.
const LARGEST_KEPT: usize = 64 << 10;

/// What is sealed of a kept delivery.
#[derive(Deserialize, Serialize)]
struct Raw {
    headers: Vec<(String, String)>,
    query: String,
    body: Vec<u8>,
}

/// A delivery that was processed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Its number.
    pub number: u64,
    /// As it was kept.
    pub delivery: KeptDelivery,
    /// The answer this time.
    pub outcome: DeliveryOutcome,
    /// What the plugin says of it this time. None: it was not asked.
    pub said: Option<Outcome>,
}

impl Marketplace {
    /// How the plugin reads credentials, as a hash.
    pub(super) fn reads(&self) -> String {
        sha256(self.plugin.manifest().reading_of_credentials().to_string().as_bytes())
    }

    /// Gives a rebuilt component the approval, and the installations in test mode, of a component before it that a
    /// person has approved for exactly the same. Nothing, unless this is for development.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn carry_over(&self) -> Result<CarriedOver, Error> {
        if !self.is_development || self.plugin.is_built_in() {
            return Ok(CarriedOver::default());
        }
        let (sha256, provider) = (self.plugin.sha256().to_owned(), self.provider_id().to_owned());
        let (approvals, reads) = (self.plugin.manifest().approvals(), self.reads());
        let carried = self
            .change_at(move |ledger, now| {
                ledger.carry_over(&provider, &sha256, &approvals, &reads, now)
            })
            .await?;
        if carried != CarriedOver::default() {
            let (component, moved) = (self.plugin.sha256(), carried.moved);
            tracing::warn!(component, moved, "a rebuilt component goes on in test mode");
        }
        Ok(carried)
    }

    /// Keeps a delivery as it came, if it was for an installation in test mode.
    pub(super) async fn keep_delivery(
        &self,
        received_at: u64,
        request: WebhookRequest,
        outcome: &DeliveryOutcome,
        trace: Trace,
    ) {
        let Some(installation) = trace.installation.filter(|_| self.is_development) else {
            return;
        };
        if request.body.len() > LARGEST_KEPT {
            return;
        }
        let kept = self.try_keep(&installation, received_at, request, outcome, trace.event);
        if let Err(error) = kept.await {
            tracing::warn!("a delivery could not be kept: {error}");
        }
    }

    async fn try_keep(
        &self,
        installation: &str,
        received_at: u64,
        request: WebhookRequest,
        outcome: &DeliveryOutcome,
        event: Option<String>,
    ) -> Result<(), Error> {
        let id = installation.to_owned();
        let stored = self.read(move |ledger| ledger.installation(&id)).await?;
        if stored.and_then(|stored| stored.mode).map(Mode::from) != Some(Mode::Test) {
            return Ok(());
        }
        let WebhookRequest { headers, query, body } = request;
        let size_bytes = body.len() as u64;
        let raw = serde_json::to_vec(&Raw { headers, query, body });
        let raw = raw.map_err(|_| Error::InstallationUnreadable)?;
        let delivery = KeptDelivery {
            installation: installation.to_owned(),
            event,
            received_at,
            size_bytes,
            sealed: self.sealing().await?.seal(&context(installation), &raw)?,
            outcome: outcome.as_str().to_owned(),
            code: outcome.reason().map(|reason| reason.code.clone()),
        };
        let provider = self.provider_id().to_owned();
        self.change(move |ledger| ledger.keep_delivery(&provider, &delivery).map(drop)).await
    }

    /// The kept deliveries, the newest first, each with its number.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn kept_deliveries(&self, limit: u32) -> Result<Vec<(u64, KeptDelivery)>, Error> {
        let provider = self.provider_id().to_owned();
        self.read(move |ledger| ledger.kept_deliveries(&provider, limit)).await
    }

    /// Processes a kept delivery again, as of the time at which it came: the newest of an event, by the provider's id
    /// of it, or the one of a number.
    ///
    /// # Errors
    ///
    /// No such delivery was kept, it does not open with the vault's key, or the ledger fails.
    pub async fn replay(&self, event_or_number: &str) -> Result<Replayed, Error> {
        let (provider, wanted) = (self.provider_id().to_owned(), event_or_number.to_owned());
        let kept = self.read(move |ledger| ledger.kept_delivery(&provider, &wanted)).await?;
        let (number, delivery) = kept.ok_or(Error::DeliveryNotKept)?;
        let raw = self.vault.open_sealed(&context(&delivery.installation), &delivery.sealed)?;
        let raw: Raw = serde_json::from_slice(&raw).map_err(|_| Error::DeliveryNotKept)?;
        let target = DeliveryTarget::parse(&raw.query);
        let request = WebhookRequest { headers: raw.headers, query: raw.query, body: raw.body };
        let trace = Trace { wants_said: true, ..Trace::of(Sender::default()) };
        let at = delivery.received_at;
        let (outcome, trace) = self.process(at, &target, &request, trace).await;
        Ok(Replayed { number, delivery, outcome, said: trace.said })
    }
}

/// What a delivery is sealed for.
fn context(installation: &str) -> String {
    format!("{installation}/delivery")
}
