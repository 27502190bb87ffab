//! Hints: deliveries that nobody can verify. The payment that one names is fetched, within the sender's quota.

use super::delivery_trace::Trace;
use super::handle::Handle;
use super::{DeliveryOutcome, Error, Marketplace};
use crate::contract::types::{Mode, Problem, ProviderError};
use ledger::types::PaymentStatus;

impl Marketplace {
    /// Fetches the payment that an unverified delivery names. Nothing else of the delivery counts.
    pub(super) async fn follow_hint(
        &self,
        handle: &Handle,
        trace: &mut Trace,
        payment_id: &str,
        mode: Option<Mode>,
    ) -> Result<DeliveryOutcome, Error> {
        if mode.is_some_and(|mode| mode != handle.mode()) {
            let message = "The delivery is from the other mode.";
            return Ok(DeliveryOutcome::ignored("other-mode", message));
        }
        if let Some(Err(limit)) = trace.quota.as_ref().map(|quota| quota.take()) {
            let name = limit.as_str();
            return Ok(DeliveryOutcome::RetryLater(Problem::new(
                "too-many-hints",
                format!("Too many deliveries that cannot be verified came at once ({name})."),
                &["Run a repair, so that deliveries can be verified."],
            )));
        }
        trace.was_followed = true;
        let (scope, id) = (handle.scope.clone(), payment_id.to_owned());
        let before = self.read(move |ledger| ledger.payment(&scope, &id)).await?;
        match self.fetch(handle, payment_id).await {
            Ok(Some((now, _))) => {
                let before =
                    before.map_or((PaymentStatus::Pending, 0), |was| (was.status, was.received));
                // Each customer knows the id of a payment, but not when it changes.
                if let Some(quota) = &trace.quota
                    && (now.status, now.received) != before
                {
                    quota.has_changed_payment();
                }
                self.close_marked(handle).await;
                Ok(DeliveryOutcome::Accepted)
            }
            Ok(None) | Err(Error::Provider(ProviderError::NotFound(_))) => {
                Ok(DeliveryOutcome::foreign())
            }
            Err(error) => Err(error),
        }
    }
}
