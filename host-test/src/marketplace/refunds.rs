//! Refunding a payment.

use super::handle::Handle;
use super::payments::SEARCH_PAGES;
use super::{Error, Marketplace};
use crate::contract::types::{
    Dispute, DisputeStatus, Money, Problem, ProviderError, Refund, RefundRequest, RefundSearch,
    RefundSearchResult, RefundStatus,
};
use crate::foreign::AnswerError;
use crate::plugin::CallError;
use ledger::{RefundReservation, ReservedRefund, StoredPayment};

/// How long a refund that cannot be found may still be carried out, in seconds: providers keep an idempotency
/// key for about a day.
const UNDECIDED_PERIOD: u64 = 86_400;

impl Marketplace {
    /// Refunds a payment. `minor_units` None: everything that is left. The same reference again is
    /// the same refund, unless that one failed: then it is a new one.
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
        let (handle, stored) = self.stored_payment(id).await?;
        self.check_account(&handle, &stored).await?;
        let remote_id = stored.remote_id.clone().ok_or(Error::NoRemoteId)?;
        let mode = handle.mode();
        let fetched = self.fetch(&handle, &remote_id).await?;
        let (stored, answer) = fetched.ok_or(Error::PaymentUnknown(mode))?;
        // The bank may give the money back as well.
        let holds_the_money =
            |dispute: &Dispute| !dispute.is_refundable && dispute.status != DisputeStatus::Won;
        if answer.disputes.iter().any(holds_the_money) {
            return Err(Error::PaymentDisputed);
        }
        // Also money that came for a canceled payment, or less than was asked for, can be given back.
        if stored.received == 0 {
            return Err(Error::PaymentNotPaid);
        }
        let mut reserved = match self.reserve_refund(&stored, reference, minor_units).await {
            Err(Error::RefundTooLarge(_)) => {
                // An earlier refund may have come to nothing since it was reserved.
                let undecided = self.release_failed_refunds(&handle, &stored, &remote_id).await?;
                match self.reserve_refund(&stored, reference, minor_units).await {
                    Err(Error::RefundTooLarge(_)) if !undecided.is_empty() => {
                        return Err(Error::RefundUndecided(undecided));
                    }
                    reserved => reserved?,
                }
            }
            reserved => reserved?,
        };
        let mut request = refund_request(&remote_id, reference, &reserved);
        let mut earlier = None;
        if !reserved.is_new {
            earlier = self.find_refund(&handle, &request).await?;
            if earlier.as_ref().is_some_and(has_failed) {
                self.release_refund(&request).await?;
                reserved = self.reserve_refund(&stored, reference, minor_units).await?;
                request = refund_request(&remote_id, reference, &reserved);
                earlier = None;
            }
        }
        let refund = match earlier {
            Some(refund) => refund,
            None => self.send_refund(&handle, &request, reserved.is_new).await?,
        };
        let is_of_payment = refund.payment == remote_id
            || refund.payment == answer.id
            || answer.aliases.contains(&refund.payment);
        let currency = stored.of_received(0).currency;
        for (is_right, field) in
            [(is_of_payment, "payment id"), (refund.amount.currency == currency, "currency")]
        {
            if !is_right {
                let why = AnswerError::NotAsked(field);
                self.record_refund_outcome(&request, Some(why.problem())).await?;
                return Err(ProviderError::UnknownOutcome(why.problem()).into());
            }
        }
        if !reserved.is_new {
            self.record_refund_outcome(&request, None).await?;
        }
        // The merchant has the money: the reference can be used again.
        if has_failed(&refund) {
            self.release_refund(&request).await?;
        }
        let fetched = self.fetch(&handle, &refund.payment).await?;
        let (stored, _) = fetched.ok_or(Error::PaymentUnknown(mode))?;
        Ok((stored, refund))
    }

    /// Releases the refunds of a payment that have failed, and those of which there is nothing a day after they
    /// were asked for. Returns the references of those that are not decided.
    async fn release_failed_refunds(
        &self,
        handle: &Handle,
        payment: &StoredPayment,
        remote_id: &str,
    ) -> Result<Vec<String>, Error> {
        let stored = payment.clone();
        let reserved = self.read(move |ledger| ledger.reserved_refunds(&stored)).await?;
        let mut undecided = Vec::new();
        for (reference, attempt) in reserved {
            let is_old = self.now().saturating_sub(attempt.reserved_at) > UNDECIDED_PERIOD;
            let reserved = ReservedRefund { attempt, minor_units: None, is_new: false };
            let request = refund_request(remote_id, &reference, &reserved);
            match self.find_refund(handle, &request).await {
                Ok(Some(refund)) if has_failed(&refund) => self.release_refund(&request).await?,
                Ok(None) if is_old => self.release_refund(&request).await?,
                Ok(Some(_)) => {}
                Ok(None) | Err(Error::RefundUnknown) => undecided.push(reference),
                Err(error) => return Err(error),
            }
        }
        Ok(undecided)
    }

    /// `is_new`: it was not sent before.
    async fn send_refund(
        &self,
        handle: &Handle,
        request: &RefundRequest,
        is_new: bool,
    ) -> Result<Refund, Error> {
        let refunded = match handle.refund_payment(request).await {
            // Nothing was done.
            Err(error @ CallError::NoPlace(_)) if is_new => {
                self.release_refund(request).await?;
                return Err(error.into());
            }
            refunded => refunded?,
        };
        match refunded {
            Ok(refund) => Ok(refund),
            // The plugin has looked for a refund with this reference first, so there is none.
            Err(error @ ProviderError::Refused(_)) => {
                self.release_refund(request).await?;
                Err(error.into())
            }
            // Never sent again with another key, because the provider may still carry the first one out.
            Err(ProviderError::ReplayedFailure(_) | ProviderError::KeySpent(_)) => {
                let made = self.find_refund(handle, request).await?;
                let unknown = made.is_none().then(|| Error::RefundUnknown.problem());
                self.record_refund_outcome(request, unknown).await?;
                made.ok_or(Error::RefundUnknown)
            }
            Err(error) => {
                if error.may_have_happened() {
                    let because = Some(Error::RefundUnknown.problem());
                    self.record_refund_outcome(request, because).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn reserve_refund(
        &self,
        payment: &StoredPayment,
        reference: &str,
        minor_units: Option<u64>,
    ) -> Result<ReservedRefund, Error> {
        let (stored, reference) = (payment.clone(), reference.to_owned());
        let reservation = self
            .change_at(move |ledger, now| {
                ledger.reserve_refund(&stored, &reference, minor_units, now)
            })
            .await?;
        let currency = payment.of_received(0).currency;
        match reservation {
            RefundReservation::Reserved(reserved) => Ok(reserved),
            RefundReservation::AmountDiffers(minor_units) => {
                Err(Error::RefundReferenceUsed(Money { minor_units, currency }))
            }
            RefundReservation::TooMuch { left } => {
                Err(Error::RefundTooLarge(Money { minor_units: left, currency }))
            }
        }
    }

    async fn release_refund(&self, request: &RefundRequest) -> Result<(), Error> {
        let attempt_id = request.attempt_id.clone();
        self.change_at(move |ledger, now| ledger.release_refund(&attempt_id, now)).await
    }

    /// Records whether it is known what became of a refund. If not, a person has to look.
    async fn record_refund_outcome(
        &self,
        request: &RefundRequest,
        unknown_because: Option<Problem>,
    ) -> Result<(), Error> {
        let attempt_id = request.attempt_id.clone();
        let because = unknown_because.map(Into::into);
        self.change_at(move |ledger, now| {
            ledger.record_refund_outcome(&attempt_id, because.as_ref(), now)
        })
        .await
    }

    /// The refund of an attempt. None: there is none.
    async fn find_refund(
        &self,
        handle: &Handle,
        request: &RefundRequest,
    ) -> Result<Option<Refund>, Error> {
        let mut search = RefundSearch {
            payment: request.payment.clone(),
            attempt_id: request.attempt_id.clone(),
            reserved_at: request.reserved_at,
            cursor: None,
        };
        for _ in 0..SEARCH_PAGES {
            match handle.find_refund(&search).await?? {
                RefundSearchResult::Found(refund) => return Ok(Some(refund)),
                RefundSearchResult::More(cursor) => search.cursor = Some(cursor),
                RefundSearchResult::Absent => return Ok(None),
                RefundSearchResult::Other(_) => break,
            }
        }
        Err(Error::RefundUnknown)
    }
}

fn refund_request(remote_id: &str, reference: &str, reserved: &ReservedRefund) -> RefundRequest {
    RefundRequest {
        payment: remote_id.to_owned(),
        reference: reference.to_owned(),
        idempotency_key: reserved.attempt.idempotency_key.clone(),
        attempt_id: reserved.attempt.id.clone(),
        reserved_at: reserved.attempt.reserved_at,
        minor_units: reserved.minor_units,
    }
}

fn has_failed(refund: &Refund) -> bool {
    matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled)
}
