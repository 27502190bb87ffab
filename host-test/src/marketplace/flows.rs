//! What a flow does with a payment after creating it: wait, complete, cancel, and read.

use std::time::Duration;

use super::handle::Handle;
use super::payments::{AttemptSearchOutcome, PaymentView};
use super::{Error, Marketplace};
use crate::contract::types::{CompletionRequest, Mode, Payment, ProviderError};
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
            let (_, stored) = self.stored_payment(reference).await?;
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

    /// The installation's handle, and a payment as it is stored, without asking the provider.
    pub(super) async fn stored_payment(&self, id: &str) -> Result<(Handle, StoredPayment), Error> {
        let handle = self.active_handle().await?;
        let (scope, id) = (handle.scope.clone(), id.to_owned());
        let stored = self.read(move |ledger| ledger.payment(&scope, &id)).await?;
        let stored = stored.ok_or(Error::PaymentUnknown(handle.mode()))?;
        Ok((handle, stored))
    }

    /// Cancels a payment, so that it can never be paid. A canceled payment is success.
    ///
    /// # Errors
    ///
    /// There is no such payment, it has been paid, or the provider cannot be reached.
    pub async fn cancel(&self, id: &str) -> Result<PaymentView, Error> {
        let (handle, stored) = self.stored_payment(id).await?;
        self.check_account(&handle, &stored).await?;
        let mode = handle.mode();
        let remote_id = if let Some(remote_id) = stored.remote_id {
            remote_id
        } else {
            match self.find_attempt(&handle, &stored).await? {
                Some(payment) => payment.id,
                None => return self.cancel_reserved(&handle, stored).await,
            }
        };
        match handle.cancel_payment(&remote_id).await? {
            Ok(canceled) => {
                // Fetched, because an event may have changed the stored payment meanwhile.
                let fetched = self.fetch(&handle, &canceled.id).await?;
                Ok(PaymentView::fetched(mode, fetched.ok_or(Error::PaymentUnknown(mode))?))
            }
            Err(error) => {
                // Such as a payment that is paid: the ledger must know it, even if this fails.
                if matches!(error, ProviderError::Refused(_)) {
                    let _ = self.fetch(&handle, &remote_id).await;
                }
                Err(error.into())
            }
        }
    }

    /// The payment of an attempt whose create has no recorded answer. None: it created nothing.
    pub(super) async fn find_attempt(
        &self,
        handle: &Handle,
        stored: &StoredPayment,
    ) -> Result<Option<Payment>, Error> {
        match self.search_attempt(handle, &stored.attempt).await {
            AttemptSearchOutcome::Found(payment) => {
                let new = stored.as_new(handle.id());
                let (scope, attempt) = (handle.scope.clone(), stored.attempt.clone());
                let created = payment.as_ref().clone().into();
                self.change_at(move |ledger, now| {
                    ledger.record_created(&scope, &new, &attempt, &created, now)
                })
                .await?;
                self.changes.send_replace(());
                Ok(Some(*payment))
            }
            AttemptSearchOutcome::Absent => Ok(None),
            AttemptSearchOutcome::Inconclusive => Err(Error::NoRemoteId),
        }
    }

    /// Cancels an attempt that created nothing at the provider.
    pub(super) async fn cancel_reserved(
        &self,
        handle: &Handle,
        stored: StoredPayment,
    ) -> Result<PaymentView, Error> {
        let (ledger_scope, attempt) = (handle.scope.clone(), stored.attempt.clone());
        let is_canceled = self
            .change_at(move |ledger, now| ledger.cancel_reserved(&ledger_scope, &attempt, now))
            .await?;
        if !is_canceled {
            // A parallel command has got its answer: the payment can be canceled now.
            return Err(Error::NoRemoteId);
        }
        self.changes.send_replace(());
        let (ledger_scope, reference) = (handle.scope.clone(), stored.reference.clone());
        let canceled = self.read(move |ledger| ledger.payment(&ledger_scope, &reference)).await?;
        let mode = handle.mode();
        Ok(PaymentView::stored_only(mode, canceled.ok_or(Error::PaymentUnknown(mode))?))
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
        let (handle, stored) = self.stored_payment(id).await?;
        self.check_account(&handle, &stored).await?;
        let (remote_id, mode) = (stored.remote_id.ok_or(Error::NoRemoteId)?, handle.mode());
        let request = CompletionRequest {
            payment: remote_id,
            idempotency_key: stored.attempt.idempotency_key("complete"),
            attempt_id: stored.attempt.id,
            reserved_at: stored.attempt.reserved_at,
            return_query,
        };
        let completed = handle.complete_payment(&request).await??;
        let fetched = self.fetch(&handle, &completed.id).await?;
        Ok(PaymentView::fetched(mode, fetched.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// The payments of the installation's mode, the newest first. `before`: only those that are older than the
    /// payment at this place.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the ledger fails.
    pub async fn payments(
        &self,
        before: Option<u64>,
        limit: u32,
    ) -> Result<(Mode, Vec<StoredPayment>), Error> {
        let mode = self.mode().await?.ok_or(Error::NotInstalled)?;
        let scope = self.scope(&self.workspace, mode);
        let payments = self.read(move |ledger| ledger.payments(&scope, before, limit)).await?;
        Ok((mode, payments))
    }

    /// The events and transitions of a payment.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or there is no such payment.
    pub async fn payment_history(&self, id: &str) -> Result<(Mode, PaymentHistory), Error> {
        let mode = self.mode().await?.ok_or(Error::NotInstalled)?;
        let (scope, id) = (self.scope(&self.workspace, mode), id.to_owned());
        let history = self.read(move |ledger| ledger.payment_history(&scope, &id)).await?;
        Ok((mode, history.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// The scope whose transitions a flow reads: of this mode, else of the mode that is installed, or was
    /// installed last. None: nothing was ever installed.
    async fn flow_scope(&self, mode: Option<Mode>) -> Result<Option<Scope>, Error> {
        if let Some(mode) = mode {
            return Ok(Some(self.scope(&self.workspace, mode)));
        }
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let latest = self.read(move |ledger| ledger.latest_mode(&workspace, &provider)).await?;
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
        self.read(move |ledger| ledger.transitions(&scope, after, limit)).await
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
        self.read(move |ledger| {
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
        let is_recorded = self
            .change_at(move |ledger, now| ledger.acknowledge(&scope, &consumer, position, now))
            .await?;
        if is_recorded { Ok(()) } else { Err(Error::PositionUnknown(position)) }
    }
}
