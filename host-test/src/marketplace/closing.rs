//! Closing payments at the provider: pages that nobody may pay any more.

use std::sync::atomic::Ordering;

use super::handle::Handle;
use super::{Error, Marketplace};
use crate::contract::types::{Problem, ProviderError};
use ledger::{StoredPayment, is_final};

/// How many payments are read from the ledger at once.
const BATCH: u32 = 100;

/// A payment that is still open at the provider.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPayment {
    /// Its reference.
    pub reference: String,
    /// The provider's id of it. None: the provider has not named it.
    pub payment: Option<String>,
    /// Why it could not be closed.
    pub because: Problem,
}

impl Marketplace {
    /// Remembers that there are payments to close.
    pub(super) fn mark_closing(&self, has_closing: bool) {
        self.has_closing.fetch_or(has_closing, Ordering::Relaxed);
    }

    /// Closes the payments of a scope that are marked for it. What fails is tried again after the next change
    /// and by the next reconciliation.
    pub(super) async fn close_marked(&self, handle: &Handle) {
        if !self.has_closing.swap(false, Ordering::Relaxed) {
            return;
        }
        let are_all_closed = self.try_close_marked(handle).await.unwrap_or(false);
        self.mark_closing(!are_all_closed);
    }

    async fn try_close_marked(&self, handle: &Handle) -> Result<bool, Error> {
        let (scope, now) = (handle.scope.clone(), self.now());
        let marked = self.read(move |ledger| ledger.payments_to_close(&scope, now, BATCH)).await?;
        let mut are_all_closed = true;
        for payment in marked {
            let because = match self.close(handle, &payment).await {
                Ok(None) => continue,
                Ok(Some(_)) => None,
                Err(error) => Some(error.problem().into()),
            };
            are_all_closed = false;
            self.change_at(move |ledger, now| {
                ledger.record_check_failed(&payment, because.as_ref(), now)
            })
            .await?;
        }
        Ok(are_all_closed)
    }

    /// Closes a payment at the provider. Some: why it is still open.
    pub(super) async fn close(
        &self,
        handle: &Handle,
        payment: &StoredPayment,
    ) -> Result<Option<Problem>, Error> {
        let remote_id = match &payment.remote_id {
            Some(remote_id) => remote_id.clone(),
            None => match self.find_attempt(handle, payment).await {
                Ok(Some(found)) => found.id,
                Ok(None) => {
                    self.cancel_reserved(handle, payment.clone()).await?;
                    return Ok(None);
                }
                Err(Error::NoRemoteId) => return Ok(Some(Error::NoRemoteId.problem())),
                Err(error) => return Err(error),
            },
        };
        let refusal = match handle.cancel_payment(&remote_id).await? {
            Ok(_) => None,
            // Such as a payment that is paid by now: the ledger has to know it.
            Err(error @ (ProviderError::Refused(_) | ProviderError::NotFound(_))) => {
                Some(Error::from(error).problem())
            }
            Err(error) => return Err(error.into()),
        };
        let is_over = match self.fetch(handle, &remote_id).await {
            Ok(Some((_, answer))) => is_final(answer.status.into()),
            Ok(None) | Err(Error::Provider(ProviderError::NotFound(_))) => false,
            Err(error) => return Err(error),
        };
        if is_over {
            let closed = payment.clone();
            self.change(move |ledger| ledger.record_closed(&closed)).await?;
            return Ok(None);
        }
        Ok(Some(refusal.unwrap_or_else(|| {
            Problem::new("payment-open", "The provider has not closed the payment yet.", &[])
        })))
    }

    /// Closes every open payment that an installation has created, and returns those that are still open.
    ///
    /// # Errors
    ///
    /// The provider refuses the credentials, or cannot be reached.
    pub(super) async fn close_open_payments(
        &self,
        handle: &Handle,
    ) -> Result<Vec<OpenPayment>, Error> {
        let (mut open, mut last) = (Vec::new(), None);
        loop {
            let (installation, after) = (handle.id().to_owned(), last.take());
            let payments = self
                .read(move |ledger| ledger.open_payments(&installation, after.as_ref(), BATCH))
                .await?;
            for payment in &payments {
                if let Some(because) = self.close(handle, payment).await? {
                    open.push(OpenPayment {
                        reference: payment.reference.clone(),
                        payment: payment.remote_id.clone(),
                        because,
                    });
                }
                self.clock.pause(self.request_interval()).await;
            }
            last = payments.into_iter().last();
            if last.is_none() {
                return Ok(open);
            }
        }
    }

    /// Refused if a payment was created in another account of the provider, which the installed credentials
    /// cannot reach.
    pub(super) async fn check_account(
        &self,
        handle: &Handle,
        payment: &StoredPayment,
    ) -> Result<(), Error> {
        if payment.installation == handle.id() {
            return Ok(());
        }
        let (creator, current) = (payment.installation.clone(), handle.id().to_owned());
        let (creator, current) = self
            .read(move |ledger| Ok((ledger.account_of(&creator)?, ledger.account_of(&current)?)))
            .await?;
        match (creator, current) {
            (Some(creator), Some(current)) if creator != current => {
                Err(Error::OtherAccount { account: creator })
            }
            _ => Ok(()),
        }
    }
}
