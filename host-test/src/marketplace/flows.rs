//! What a flow does with a payment after creating it: wait, complete, cancel, refund, and read.

use std::time::Duration;

use super::payments::PaymentView;
use super::{Error, Marketplace, OpenedInstallation};
use crate::clock::now;
use crate::contract::types::{CompletionRequest, Mode, ProviderError, Refund, RefundRequest};
use ledger::{Output, PaymentHistory, Scope, StoredPayment, Transition};

/// How often the ledger is read while a flow waits: another process may have written to it.
const LEDGER_POLL_INTERVAL: Duration = Duration::from_millis(200);

impl Marketplace {
    /// Waits until a payment is decided, at most for `limit`, and returns it. If it is still pending
    /// then, its decision comes later as a transition.
    ///
    /// # Errors
    ///
    /// Nothing is installed, there is no such payment, or the ledger fails.
    pub async fn wait(&self, reference: &str, limit: Duration) -> Result<StoredPayment, Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut changes = self.changes();
        loop {
            let (_, _, stored) = self.stored_payment(reference).await?;
            let now = tokio::time::Instant::now();
            if now >= deadline || Output::of(stored.status) != Output::Pending {
                return Ok(stored);
            }
            let pause = tokio::time::sleep_until(deadline.min(now + LEDGER_POLL_INTERVAL));
            tokio::select! {
                () = pause => {}
                // It cannot fail: `self` holds the sender.
                _ = changes.changed() => {}
            }
        }
    }

    /// The installation, and a payment as it is stored, without asking the provider.
    pub(super) async fn stored_payment(
        &self,
        id: &str,
    ) -> Result<(OpenedInstallation, Scope, StoredPayment), Error> {
        let opened = self.active_installation().await?;
        let mode = opened.installation.mode;
        let scope = self.scope(&opened.stored.workspace, mode);
        let (payment_scope, id) = (scope.clone(), id.to_owned());
        let stored = self.ledger(move |ledger| ledger.payment(&payment_scope, &id)).await?;
        Ok((opened, scope, stored.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// Cancels a payment, so that it can never be paid. A canceled payment is success.
    ///
    /// # Errors
    ///
    /// There is no such payment, it has been paid, or the provider cannot be reached.
    pub async fn cancel(&self, id: &str) -> Result<PaymentView, Error> {
        let (opened, scope, stored) = self.stored_payment(id).await?;
        let OpenedInstallation { installation, credentials, .. } = opened;
        let (remote_id, mode) = (stored.remote_id.ok_or(Error::NoRemoteId)?, installation.mode);
        let egress = self.egress(credentials, mode).await?;
        let canceled =
            self.plugin.cancel_payment(egress.clone(), &installation, &remote_id).await??;
        // Fetched, because an event may have changed the stored payment meanwhile.
        let fetched = self.fetch(&egress, &installation, &scope, &canceled.id).await?;
        Ok(PaymentView::fetched(mode, fetched.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// Captures or commits a payment that the customer has approved. A complete payment is success.
    /// `return_query` is the query that the customer's browser brought back; it is untrusted.
    ///
    /// # Errors
    ///
    /// There is no such payment, it is not authorised, or the provider cannot be reached. Repeating
    /// is always safe.
    pub async fn complete(
        &self,
        id: &str,
        return_query: Option<String>,
    ) -> Result<PaymentView, Error> {
        let (opened, scope, stored) = self.stored_payment(id).await?;
        let OpenedInstallation { installation, credentials, .. } = opened;
        let (remote_id, mode) = (stored.remote_id.ok_or(Error::NoRemoteId)?, installation.mode);
        let egress = self.egress(credentials, mode).await?;
        let request = CompletionRequest {
            payment: remote_id,
            idempotency_key: stored.attempt.idempotency_key("complete"),
            attempt_id: stored.attempt.id,
            reserved_at: stored.attempt.reserved_at,
            return_query,
        };
        let completed =
            self.plugin.complete_payment(egress.clone(), &installation, &request).await??;
        let fetched = self.fetch(&egress, &installation, &scope, &completed.id).await?;
        Ok(PaymentView::fetched(mode, fetched.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// Refunds a payment. `minor_units` None: everything that is left. The same reference again is
    /// the same refund.
    ///
    /// # Errors
    ///
    /// There is no such payment, it has not been paid or is refunded already, or the provider cannot
    /// be reached. Repeating with the same reference is always safe.
    pub async fn refund(
        &self,
        id: &str,
        reference: &str,
        minor_units: Option<u64>,
    ) -> Result<(StoredPayment, Refund), Error> {
        let (opened, scope, stored) = self.stored_payment(id).await?;
        let OpenedInstallation { installation, credentials, .. } = opened;
        let remote_id = stored.remote_id.clone().ok_or(Error::NoRemoteId)?;
        let mode = installation.mode;
        let egress = self.egress(credentials, mode).await?;
        let refund_reference = reference.to_owned();
        let (attempt, is_new) = self
            .ledger(move |ledger| ledger.reserve_refund(&stored, &refund_reference, now()))
            .await?;
        let request = RefundRequest {
            payment: remote_id,
            reference: reference.to_owned(),
            idempotency_key: attempt.idempotency_key("refund"),
            attempt_id: attempt.id.clone(),
            reserved_at: attempt.reserved_at,
            minor_units,
        };
        let refunded = self.plugin.refund_payment(egress.clone(), &installation, &request).await?;
        let refund = match refunded {
            Ok(refund) => refund,
            Err(error) => {
                if is_new && matches!(error, ProviderError::Refused(_)) {
                    self.ledger(move |ledger| ledger.release_refund(&attempt.id)).await?;
                }
                return Err(error.into());
            }
        };
        let fetched = self.fetch(&egress, &installation, &scope, &refund.payment).await?;
        let (stored, _) = fetched.ok_or(Error::PaymentUnknown(mode))?;
        Ok((stored, refund))
    }

    /// The payments of the installation's mode, the newest first.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the ledger fails.
    pub async fn payments(&self, limit: u32) -> Result<(Mode, Vec<StoredPayment>), Error> {
        let OpenedInstallation { stored, installation, .. } = self.active_installation().await?;
        let scope = self.scope(&stored.workspace, installation.mode);
        let payments = self.ledger(move |ledger| ledger.payments(&scope, limit)).await?;
        Ok((installation.mode, payments))
    }

    /// The events and transitions of a payment.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or there is no such payment.
    pub async fn payment_history(&self, id: &str) -> Result<(Mode, PaymentHistory), Error> {
        let OpenedInstallation { stored, installation, .. } = self.active_installation().await?;
        let mode = installation.mode;
        let (scope, id) = (self.scope(&stored.workspace, mode), id.to_owned());
        let history = self.ledger(move |ledger| ledger.payment_history(&scope, &id)).await?;
        Ok((mode, history.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// The scope whose transitions a flow reads: of this mode, else of the mode that is installed, or was
    /// installed last. None: nothing was ever installed.
    async fn flow_scope(&self, mode: Option<Mode>) -> Result<Option<Scope>, Error> {
        if let Some(mode) = mode {
            return Ok(Some(self.scope(&self.workspace, mode)));
        }
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let latest = self.ledger(move |ledger| ledger.latest_mode(&workspace, &provider)).await?;
        Ok(latest.map(|mode| self.scope(&self.workspace, mode.into())))
    }

    /// The transitions after a position, in order, at most `limit` of them. `mode` None: the mode that is
    /// installed, or was installed last.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn transitions(
        &self,
        mode: Option<Mode>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Transition>, Error> {
        let Some(scope) = self.flow_scope(mode).await? else { return Ok(Vec::new()) };
        self.ledger(move |ledger| ledger.transitions(&scope, after, limit)).await
    }

    /// The transitions that a consumer has not acknowledged, as `transitions`.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn unread_transitions(
        &self,
        mode: Option<Mode>,
        consumer: &str,
        limit: u32,
    ) -> Result<Vec<Transition>, Error> {
        let Some(scope) = self.flow_scope(mode).await? else { return Ok(Vec::new()) };
        let consumer = consumer.to_owned();
        self.ledger(move |ledger| {
            let position = ledger.acknowledged_position(&scope, &consumer)?;
            ledger.transitions(&scope, position, limit)
        })
        .await
    }

    /// Records that a consumer has processed every transition of a mode up to a position. The position
    /// never goes back.
    ///
    /// # Errors
    ///
    /// No transition of the mode has this position or a later one, or the ledger fails.
    pub async fn acknowledge(
        &self,
        mode: Option<Mode>,
        consumer: &str,
        position: u64,
    ) -> Result<(), Error> {
        let scope = self.flow_scope(mode).await?.ok_or(Error::PositionUnknown(position))?;
        let consumer = consumer.to_owned();
        let is_recorded =
            self.ledger(move |ledger| ledger.acknowledge(&scope, &consumer, position)).await?;
        if is_recorded { Ok(()) } else { Err(Error::PositionUnknown(position)) }
    }
}
