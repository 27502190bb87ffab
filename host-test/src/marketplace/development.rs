//! What is easier while a plugin is developed, and in test mode only: a rebuilt component goes on without a review,
//! and deliveries are kept as they came, to be repeated.

use std::sync::PoisonError;

use super::delivery_trace::Trace;
use super::{DeliveryOutcome, DeliveryTarget, Error, Marketplace};
use crate::contract::types::{Mode, WebhookRequest};
use crate::sender::Sender;
use ledger::{Approval, KeptDelivery};

/// The largest body of a kept delivery, in bytes. Our own choice: a real one has a few thousand.
const LARGEST_KEPT: usize = 64 << 10;

/// A delivery that was processed again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Its number.
    pub number: u64,
    /// As it was kept.
    pub delivery: KeptDelivery,
    /// The answer this time.
    pub outcome: DeliveryOutcome,
}

impl Marketplace {
    /// Gives a rebuilt component the approval, and the installations in test mode, of a component before it that was
    /// approved for exactly the same.
    pub(super) fn carry_over(mut self) -> Result<Self, Error> {
        if !self.is_development || self.plugin.is_built_in() {
            return Ok(self);
        }
        let (sha256, approvals) = (self.plugin.sha256(), self.plugin.manifest().approvals());
        let moved = {
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            match ledger.approval(sha256, &approvals)? {
                Approval::None => ledger.approve_rebuilt(
                    self.provider_id(),
                    sha256,
                    &approvals,
                    self.clock.now(),
                )?,
                Approval::TestMode | Approval::Full => None,
            }
        };
        if let Some(moved) = moved {
            tracing::warn!(component = sha256, moved, "a rebuilt component goes on in test mode");
        }
        self.carried_over = moved;
        Ok(self)
    }

    /// How many installations in test mode this component has got from the build before it. None: nothing was carried
    /// over when it was opened.
    #[must_use]
    pub fn carried_over(&self) -> Option<usize> {
        self.carried_over
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
        let delivery = KeptDelivery {
            installation: installation.clone(),
            event: trace.event,
            received_at,
            headers: request.headers,
            query: request.query,
            body: request.body,
            outcome: outcome.as_str().to_owned(),
            code: outcome.reason().map(|reason| reason.code.clone()),
        };
        let provider = self.provider_id().to_owned();
        let kept = self.ledger(move |ledger| {
            let stored = ledger.installation(&installation)?;
            if stored.is_some_and(|stored| stored.mode.map(Mode::from) == Some(Mode::Test)) {
                ledger.keep_delivery(&provider, &delivery)?;
            }
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!("a delivery could not be kept: {error}");
        }
    }

    /// The kept deliveries, the newest first, each with its number.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn kept_deliveries(&self, limit: u32) -> Result<Vec<(u64, KeptDelivery)>, Error> {
        let provider = self.provider_id().to_owned();
        self.ledger(move |ledger| ledger.kept_deliveries(&provider, limit)).await
    }

    /// Processes a kept delivery again, as of the time at which it came: the newest of an event, by the provider's id
    /// of it, or the one of a number.
    ///
    /// # Errors
    ///
    /// No such delivery was kept, or the ledger fails.
    pub async fn replay(&self, event_or_number: &str) -> Result<Replayed, Error> {
        let (provider, wanted) = (self.provider_id().to_owned(), event_or_number.to_owned());
        let kept = self.ledger(move |ledger| ledger.kept_delivery(&provider, &wanted)).await?;
        let (number, delivery) = kept.ok_or(Error::DeliveryNotKept)?;
        let target = DeliveryTarget::parse(&delivery.query);
        let request = WebhookRequest {
            headers: delivery.headers.clone(),
            query: delivery.query.clone(),
            body: delivery.body.clone(),
        };
        let (outcome, _) =
            self.process(delivery.received_at, &target, Sender::default(), &request).await;
        Ok(Replayed { number, delivery, outcome })
    }
}
