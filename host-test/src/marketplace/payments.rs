//! Payments: created for a flow, fetched, and looked up.

use super::handle::Handle;
use super::{Error, Marketplace};
use crate::contract::types::{
    AttemptSearch, Awaited, CaptureMethod, Mode, Money, Payment, PaymentRequest,
    PaymentSearchResult, Problem, ProviderError,
};
use crate::foreign::AnswerError;
use crate::plugin::CallError;
use ledger::types::{PaymentStatus, PaymentTerms};
use ledger::{
    Attempt, FetchOutcome, LedgerError, NewPayment, Reservation, Scope, StoredPayment, is_final,
};

/// How often a payment is fetched that changes while it is fetched.
pub(super) const FETCH_ATTEMPTS: u32 = 3;

/// How many pages a search for an attempt reads at most: ten thousand payments, at a hundred a page.
pub(super) const SEARCH_PAGES: u32 = 100;

/// The result of a search for an attempt.
pub(super) enum AttemptSearchOutcome {
    /// The attempt created this payment.
    Found(Box<Payment>),
    /// The attempt created nothing.
    Absent,
    /// The provider failed, or there are more pages than we read.
    Inconclusive,
}

/// The payment that a flow asks for.
#[derive(Clone, Debug)]
pub struct PaymentOrder {
    /// The flow's id of the payment.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// The text that the customer reads. None: the reference.
    pub description: Option<String>,
    /// The URL to which the customer returns after paying.
    pub success_url: String,
    /// The URL to which the customer returns without paying.
    pub cancel_url: Option<String>,
    /// Until when it can be paid, in Unix seconds. None: as long as the provider allows.
    pub expires_at: Option<u64>,
    /// Whether the money is captured at once, or by `complete`.
    pub capture_method: CaptureMethod,
}

/// The request of an attempt.
fn payment_request(new: &NewPayment, attempt: &Attempt) -> PaymentRequest {
    let terms = new.terms.clone();
    PaymentRequest {
        reference: new.reference.clone(),
        attempt_id: attempt.id.clone(),
        idempotency_key: attempt.idempotency_key.clone(),
        reserved_at: attempt.reserved_at,
        amount: new.amount.clone().into(),
        description: terms.description,
        success_url: terms.success_url,
        cancel_url: terms.cancel_url,
        expires_at: terms.expires_at,
        capture_method: if terms.has_manual_capture {
            CaptureMethod::Manual
        } else {
            CaptureMethod::Automatic
        },
    }
}

/// The payment, unless it waits for its customer and no page is known to which that one may be sent: its link was
/// left out of the answer.
fn with_page(view: PaymentView) -> Result<PaymentView, Error> {
    let waits = view.provider.as_ref().is_some_and(|payment| {
        payment.awaits == Awaited::Customer(None) && !is_final(payment.status.into())
    });
    if waits && view.stored.checkout_url.is_none() { Err(Error::PageMissing) } else { Ok(view) }
}

/// Whether the provider has understood a request and carried nothing out.
fn is_definite_refusal(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::InvalidCredentials(_)
            | ProviderError::PermissionMissing(_)
            | ProviderError::NotFound(_)
            | ProviderError::Refused(_)
    )
}

/// A payment for display: as it is stored, and as the provider returned it.
#[derive(Debug)]
pub struct PaymentView {
    /// Test or live.
    pub mode: Mode,
    /// The stored payment, after the provider was asked.
    pub stored: StoredPayment,
    /// The provider's answer. None: the provider was not asked, or failed.
    pub provider: Option<Payment>,
    /// Why the provider failed.
    pub problem: Option<Problem>,
}

impl PaymentView {
    pub(super) fn stored_only(mode: Mode, stored: StoredPayment) -> Self {
        Self { mode, stored, provider: None, problem: None }
    }

    pub(super) fn fetched(mode: Mode, (stored, payment): (StoredPayment, Payment)) -> Self {
        Self { mode, stored, provider: Some(payment), problem: None }
    }
}

impl Marketplace {
    /// Creates a payment, or returns the one that the reference names already.
    ///
    /// # Errors
    ///
    /// Nothing is installed, the reference was used for another amount, or the provider refuses or
    /// cannot be reached. Repeating with the same reference is always safe.
    pub async fn pay(&self, order: PaymentOrder) -> Result<PaymentView, Error> {
        let handle = self.active_handle().await?;
        let mode = handle.mode();
        let new = NewPayment {
            installation: handle.id().to_owned(),
            reference: order.reference,
            amount: order.amount.into(),
            terms: PaymentTerms {
                description: order.description,
                success_url: order.success_url,
                cancel_url: order.cancel_url,
                expires_at: order.expires_at,
                has_manual_capture: order.capture_method == CaptureMethod::Manual,
            },
        };
        let mut reservation = self.reserve(&handle.scope, &new).await?;
        if let Reservation::Existing(stored) = reservation {
            let view = with_page(self.existing_payment(&handle, *stored).await?)?;
            if view.stored.status != PaymentStatus::Canceled {
                return Ok(view);
            }
            reservation = self.reserve(&handle.scope, &new).await?;
        }
        let (is_new, attempt, terms) = match reservation {
            Reservation::Reserved { is_new, attempt, terms } => (is_new, attempt, terms),
            Reservation::AmountDiffers(amount) => return Err(Error::ReferenceUsed(amount.into())),
            Reservation::PaidLate(late) => return Err(Error::PaidLate(late.remote_id)),
            Reservation::Restored => return Err(Error::LedgerRestored),
            // A parallel command has created it meanwhile.
            Reservation::Existing(stored) => return Ok(PaymentView::stored_only(mode, *stored)),
        };
        let new = NewPayment { terms: *terms, ..new };
        let (attempt, created) = if is_new {
            self.create_first(&handle, &new, attempt).await?
        } else {
            // The first request may have gone to another account.
            let (scope, reference) = (handle.scope.clone(), new.reference.clone());
            let reserved = self.read(move |ledger| ledger.payment(&scope, &reference)).await?;
            if let Some(reserved) = reserved {
                self.check_account(&handle, &reserved).await?;
            }
            self.create_again(&handle, &new, attempt).await?
        };
        match created {
            Ok(payment) => {
                let created = payment.clone().into();
                let scope = handle.scope.clone();
                let stored = self
                    .change_at(move |ledger, now| {
                        ledger.record_created(&scope, &new, &attempt, &created, now)
                    })
                    .await?;
                self.changes.send_replace(());
                let stored = stored.ok_or(Error::PaymentUnknown(mode))?;
                if stored.needs_closing {
                    // Its reference was paid meanwhile: the customer must not get this page.
                    self.mark_closing(true);
                    self.close_marked(&handle).await;
                    let fetched = self.fetch(&handle, &payment.id).await?;
                    let fetched = fetched.ok_or(Error::PaymentUnknown(mode))?;
                    return Ok(PaymentView::fetched(mode, fetched));
                }
                with_page(PaymentView::fetched(mode, (stored, payment)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Creates a payment for a new attempt. If nothing was created, the reference is released.
    async fn create_first(
        &self,
        handle: &Handle,
        new: &NewPayment,
        attempt: Attempt,
    ) -> Result<(Attempt, Result<Payment, ProviderError>), Error> {
        let request = payment_request(new, &attempt);
        let created = match handle.create_payment(&request).await {
            // Nothing was done.
            Err(error @ CallError::NoPlace(_)) => {
                self.release(&attempt).await?;
                return Err(error.into());
            }
            created => created?,
        };
        if let Err(error) = &created
            && (is_definite_refusal(error) || matches!(error, ProviderError::Unavailable(_)))
        {
            self.release(&attempt).await?;
        }
        Ok((attempt, created))
    }

    /// Creates a payment for an attempt whose earlier request has no recorded answer: it may exist, and the
    /// provider may have stored a failure for its idempotency key.
    async fn create_again(
        &self,
        handle: &Handle,
        new: &NewPayment,
        mut attempt: Attempt,
    ) -> Result<(Attempt, Result<Payment, ProviderError>), Error> {
        let search = self.search_attempt(handle, &attempt).await;
        let is_absent = matches!(search, AttemptSearchOutcome::Absent);
        if let AttemptSearchOutcome::Found(payment) = search {
            let is_asked = payment.reference.as_ref() == Some(&new.reference)
                && payment.amount == new.amount.clone().into();
            if !is_asked {
                return Err(CallError::AnswerRefused(AnswerError::NotAsked("amount")).into());
            }
            return Ok((attempt, Ok(*payment)));
        }
        let request = payment_request(new, &attempt);
        let mut created = handle.create_payment(&request).await?;
        let is_spent =
            matches!(created, Err(ProviderError::KeySpent(_) | ProviderError::ReplayedFailure(_)));
        // Nothing was made, and with this key nothing ever will be. Should the provider carry the request out
        // later all the same, its page is closed.
        if is_spent && is_absent {
            let (scope, order) = (handle.scope.clone(), new.clone());
            attempt = self
                .change_at(move |ledger, now| ledger.replace_attempt(&scope, &order, &attempt, now))
                .await?;
            let request = payment_request(new, &attempt);
            created = handle.create_payment(&request).await?;
        }
        if let Err(error) = &created
            && is_definite_refusal(error)
            && is_absent
        {
            self.release(&attempt).await?;
        }
        Ok((attempt, created))
    }

    async fn release(&self, attempt: &Attempt) -> Result<(), Error> {
        let attempt = attempt.clone();
        self.change(move |ledger| ledger.release(&attempt)).await
    }

    /// Searches the provider for the payment that an attempt created.
    pub(super) async fn search_attempt(
        &self,
        handle: &Handle,
        attempt: &Attempt,
    ) -> AttemptSearchOutcome {
        let mut search = AttemptSearch {
            attempt_id: attempt.id.clone(),
            reserved_at: attempt.reserved_at,
            cursor: None,
        };
        for _ in 0..SEARCH_PAGES {
            match handle.find_payment(&search).await {
                Ok(Ok(PaymentSearchResult::Found(payment))) => {
                    return AttemptSearchOutcome::Found(Box::new(payment));
                }
                Ok(Ok(PaymentSearchResult::More(cursor))) => search.cursor = Some(cursor),
                Ok(Ok(PaymentSearchResult::Absent)) => return AttemptSearchOutcome::Absent,
                Ok(Ok(PaymentSearchResult::Other(_)) | Err(_)) | Err(_) => break,
            }
        }
        AttemptSearchOutcome::Inconclusive
    }

    async fn reserve(&self, scope: &Scope, new: &NewPayment) -> Result<Reservation, Error> {
        let (scope, new) = (scope.clone(), new.clone());
        self.change_at(move |ledger, now| ledger.reserve(&scope, &new, now)).await
    }

    /// The payment that a reference names already. One that is not final is fetched, because no event
    /// says that its page has expired.
    async fn existing_payment(
        &self,
        handle: &Handle,
        stored: StoredPayment,
    ) -> Result<PaymentView, Error> {
        let mode = handle.mode();
        let is_refunded = stored.refunded.is_some_and(|refunded| refunded >= stored.received);
        if stored.status == PaymentStatus::Approved && stored.received > 0 && is_refunded {
            return Err(Error::PaymentRefunded);
        }
        let unfinished_id = stored.remote_id.clone().filter(|_| !is_final(stored.status));
        let Some(remote_id) = unfinished_id else {
            return Ok(PaymentView::stored_only(mode, stored));
        };
        self.check_account(handle, &stored).await?;
        self.mark_closing(stored.needs_closing);
        self.close_marked(handle).await;
        let fetched = self.fetch(handle, &remote_id).await?;
        Ok(PaymentView::fetched(mode, fetched.ok_or(Error::PaymentUnknown(mode))?))
    }

    /// Fetches a payment from the provider and records the answer. None: it was not created here. A
    /// payment that changes meanwhile is fetched again, so that an outdated answer never undoes a
    /// newer event.
    pub(super) async fn fetch(
        &self,
        handle: &Handle,
        id: &str,
    ) -> Result<Option<(StoredPayment, Payment)>, Error> {
        let (payment_scope, payment_id) = (handle.scope.clone(), id.to_owned());
        let stored = self.read(move |ledger| ledger.payment(&payment_scope, &payment_id)).await?;
        let mut version = stored.map(|stored| stored.version);
        for _ in 0..FETCH_ATTEMPTS {
            let answer = handle.get_payment(id).await??;
            let (scope, payment) = (handle.scope.clone(), answer.clone().into());
            let outcome = self
                .change_at(move |ledger, now| ledger.record_fetched(&scope, &payment, version, now))
                .await?;
            match outcome {
                FetchOutcome::Foreign => return Ok(None),
                FetchOutcome::Outdated { version: newer } => version = Some(newer),
                FetchOutcome::Recorded { stored, has_closing } => {
                    self.mark_closing(has_closing);
                    self.changes.send_replace(());
                    return Ok(Some((*stored, answer)));
                }
            }
        }
        Err(Error::Ledger(LedgerError::Locked))
    }

    /// A payment, by its reference or any id of the provider's: as it is stored, and as the provider
    /// returns it now.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or there is no such payment.
    pub async fn payment(&self, id: &str) -> Result<PaymentView, Error> {
        let (handle, stored) = self.stored_payment(id).await?;
        let mode = handle.mode();
        let Some(remote_id) = stored.remote_id.clone() else {
            return Ok(PaymentView::stored_only(mode, stored));
        };
        match self.fetch(&handle, &remote_id).await {
            Ok(Some(fetched)) => {
                self.close_marked(&handle).await;
                Ok(PaymentView::fetched(mode, fetched))
            }
            Ok(None) => Ok(PaymentView::stored_only(mode, stored)),
            // The stored payment is worth showing even if the provider fails.
            Err(error @ (Error::Provider(_) | Error::Plugin(_))) => {
                let problem = Some(error.problem());
                Ok(PaymentView { problem, ..PaymentView::stored_only(mode, stored) })
            }
            Err(error) => Err(error),
        }
    }
}
