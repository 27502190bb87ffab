//! What a flow does with a payment besides asking for it: wait, read, cancel, give money back.

use std::time::Duration;

use super::payments::PaymentView;
use super::{Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{CompletionRequest, Mode, ProviderError, Refund, RefundRequest};
use crate::ledger::{Output, Scope, StoredPayment, Story, Transition};

/// How often the ledger is looked at while a flow waits: another process may write it.
const LOOK: Duration = Duration::from_millis(200);

impl Marketplace {
    /// Waits until a payment is decided, at most for a time: a flow's node with a time limit. Then
    /// it is Pending, and a later truth still comes as a transition.
    ///
    /// # Errors
    ///
    /// Nothing is installed, no such payment is known, or the ledger does not answer.
    pub async fn wait(&self, reference: &str, limit: Duration) -> Result<StoredPayment, Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut changes = self.changes();
        loop {
            let (_, _, known) = self.known(reference).await?;
            let is_over = tokio::time::Instant::now() >= deadline;
            if is_over || Output::of(known.status) != Output::Pending {
                return Ok(known);
            }
            let pause = tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + LOOK));
            tokio::select! {
                () = pause => {}
                // The sender is this marketplace: it is there as long as we are.
                _ = changes.changed() => {}
            }
        }
    }

    /// The installation, and what is known of a payment. Nobody is asked.
    pub(super) async fn known(&self, id: &str) -> Result<(Opened, Scope, StoredPayment), Error> {
        let opened = self.opened().await?;
        let mode = opened.record.mode;
        let scope = self.scope(&opened.row.workspace, mode);
        let (whose, id) = (scope.clone(), id.to_owned());
        let known = self.ledger(move |ledger| ledger.payment(&whose, &id)).await?;
        Ok((opened, scope, known.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// Makes sure that a payment can never be paid. Already canceled is success.
    ///
    /// # Errors
    ///
    /// No such payment is known, it has been paid, or the provider is not there.
    pub async fn cancel(&self, id: &str) -> Result<PaymentView, Error> {
        let (Opened { record, credentials, .. }, scope, known) = self.known(id).await?;
        let (name, mode) = (known.name.ok_or(Error::PaymentUnnamed)?, record.mode);
        let egress = self.egress(credentials, mode).await?;
        let canceled = self.plugin.cancel_payment(egress.clone(), &record, &name).await??;
        // What the ledger is told is what the provider says now: an event may have been faster.
        let asked = self.ask(&egress, &record, &scope, &canceled.id).await?;
        let (known, payment) = asked.ok_or(Error::PaymentUnknown(mode))?;
        Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
    }

    /// Captures or commits what a customer has approved. Already complete is success.
    ///
    /// # Errors
    ///
    /// No such payment is known, it is not authorised, or the provider is not there. Repeating is
    /// always safe.
    pub async fn complete(
        &self,
        id: &str,
        return_query: Option<String>,
    ) -> Result<PaymentView, Error> {
        let (Opened { record, credentials, .. }, scope, known) = self.known(id).await?;
        let (payment, mode) = (known.name.ok_or(Error::PaymentUnnamed)?, record.mode);
        let egress = self.egress(credentials, mode).await?;
        let request = CompletionRequest {
            payment,
            idempotency_key: known.attempt.idempotency_key("complete"),
            attempt_id: known.attempt.id,
            reserved_at: known.attempt.reserved_at,
            return_query,
        };
        let completed = self.plugin.complete_payment(egress.clone(), &record, &request).await??;
        let asked = self.ask(&egress, &record, &scope, &completed.id).await?;
        let (known, payment) = asked.ok_or(Error::PaymentUnknown(mode))?;
        Ok(PaymentView { mode, known, provider: Some(payment), problem: None })
    }

    /// Gives a payment back, whole or in part. The same reference again is the same refund.
    ///
    /// # Errors
    ///
    /// No such payment is known, it has not been paid or is given back already, or the provider is
    /// not there. Repeating with the same reference is always safe.
    pub async fn refund(
        &self,
        id: &str,
        reference: &str,
        minor_units: Option<u64>,
    ) -> Result<(StoredPayment, Refund), Error> {
        let (Opened { record, credentials, .. }, scope, known) = self.known(id).await?;
        let (payment, mode) = (known.name.clone().ok_or(Error::PaymentUnnamed)?, record.mode);
        let egress = self.egress(credentials, mode).await?;
        let name = reference.to_owned();
        let (attempt, is_new) =
            self.ledger(move |ledger| ledger.reserve_refund(&known, &name, now())).await?;
        let request = RefundRequest {
            payment,
            reference: reference.to_owned(),
            idempotency_key: attempt.idempotency_key("refund"),
            attempt_id: attempt.id.clone(),
            reserved_at: attempt.reserved_at,
            minor_units,
        };
        let refund = match self.plugin.refund_payment(egress.clone(), &record, &request).await? {
            Ok(refund) => refund,
            Err(error) => {
                if is_new && matches!(error, ProviderError::Refused(_)) {
                    self.ledger(move |ledger| ledger.release_refund(&attempt.id)).await?;
                }
                return Err(error.into());
            }
        };
        let asked = self.ask(&egress, &record, &scope, &refund.payment).await?;
        let (known, _) = asked.ok_or(Error::PaymentUnknown(mode))?;
        Ok((known, refund))
    }

    /// The payments of the installation's mode, the latest first.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the ledger does not answer.
    pub async fn payments(&self, limit: u32) -> Result<(Mode, Vec<StoredPayment>), Error> {
        let Opened { row, record, .. } = self.opened().await?;
        let scope = self.scope(&row.workspace, record.mode);
        let payments = self.ledger(move |ledger| ledger.payments(&scope, limit)).await?;
        Ok((record.mode, payments))
    }

    /// All that happened to a payment.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or no such payment is known.
    pub async fn story(&self, id: &str) -> Result<(Mode, Story), Error> {
        let Opened { row, record, .. } = self.opened().await?;
        let (scope, id) = (self.scope(&row.workspace, record.mode), id.to_owned());
        let story = self.ledger(move |ledger| ledger.story(&scope, &id)).await?;
        Ok((record.mode, story.ok_or(Error::PaymentUnknown(record.mode))?))
    }

    /// What a consumer of the transitions has not acknowledged yet, in order.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn unread(&self, consumer: &str) -> Result<Vec<Transition>, Error> {
        let (workspace, consumer) = (self.workspace.clone(), consumer.to_owned());
        self.ledger(move |ledger| {
            let position = ledger.position(&workspace, &consumer)?;
            ledger.transitions(&workspace, position)
        })
        .await
    }

    /// A consumer has done with everything up to a position. It never goes back.
    ///
    /// # Errors
    ///
    /// The ledger does not answer.
    pub async fn acknowledge(&self, consumer: &str, position: u64) -> Result<(), Error> {
        let (workspace, consumer) = (self.workspace.clone(), consumer.to_owned());
        self.ledger(move |ledger| ledger.acknowledge(&workspace, &consumer, position)).await
    }
}
