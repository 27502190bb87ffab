//! Asking: the payments whose time has come are read from the provider, one after the other.

use super::Effort;
use super::account::Round;
use super::listing::pause;
use super::pages::budget_used_up;
use crate::contract::types::{Problem, ProviderError};
use crate::marketplace::{Error, ErrorKind};
use crate::plugin::CallError;
use ledger::{Checks, LedgerError, Progress, StoredPayment};

/// How many payments are read from the ledger at once, and asked about in a round of the background.
const BATCH: u32 = 100;
/// How many approved payments are read again in a round, where the events may not be listed.
const REVIEWS: u32 = 20;
/// After so many failures in a row the provider is left alone for a while.
const FAILURES_IN_A_ROW: u32 = 5;

/// What becomes of a round after a payment.
enum Next {
    /// The payment was asked about.
    Done,
    /// It could not be asked about, for this reason.
    Failed(Problem),
    /// The provider does not answer, for this reason.
    Outage(Problem),
    /// No other payment can be asked about either, for this reason.
    Stop(Problem),
}

impl Round<'_> {
    /// Asks about payments.
    pub(super) async fn ask(&mut self) -> Result<(), Error> {
        if self.has_to_wait(&self.state.ask) {
            return Ok(());
        }
        let (mut after, mut in_a_row, mut last_problem) = (0, 0, None);
        let mut is_stopped = false;
        'batches: loop {
            let batch = self.batch(after).await?;
            after = batch.last().map_or(after, StoredPayment::place);
            let is_last = self.effort == Effort::Due || batch.is_empty();
            for payment in batch {
                // A page that nobody may pay is closed all the same.
                let is_used_up = self.effort == Effort::Due && self.ask_budget.is_used_up();
                if is_used_up && !payment.needs_closing {
                    if last_problem.is_none() {
                        self.summary.fail("payments", budget_used_up(), ErrorKind::Temporary);
                    }
                    last_problem = Some(budget_used_up());
                    is_stopped = true;
                    continue;
                }
                match self.ask_about(&payment).await? {
                    Next::Done => in_a_row = 0,
                    Next::Failed(problem) => last_problem = Some(problem),
                    Next::Outage(problem) => {
                        in_a_row += 1;
                        last_problem = Some(problem);
                    }
                    Next::Stop(problem) => {
                        last_problem = Some(problem);
                        is_stopped = true;
                        break 'batches;
                    }
                }
                // A person has asked for all of them.
                if in_a_row >= FAILURES_IN_A_ROW && self.effort == Effort::Due {
                    is_stopped = true;
                    break 'batches;
                }
                (self.progress)(&self.summary);
                self.pause().await;
            }
            if is_last {
                break;
            }
        }
        self.state.ask = self.next_ask(is_stopped, last_problem);
        Ok(())
    }

    fn next_ask(&self, is_stopped: bool, problem: Option<Problem>) -> Progress {
        let failures = self.state.ask.failures;
        Progress {
            next_at: if is_stopped { self.now().saturating_add(pause(failures)) } else { 0 },
            failures: if is_stopped { failures.saturating_add(1) } else { 0 },
            problem: problem.map(Into::into),
        }
    }

    async fn batch(&self, after: u64) -> Result<Vec<StoredPayment>, Error> {
        let (scope, id) = (self.handle.scope.clone(), self.handle.id().to_owned());
        let checks = match self.effort {
            Effort::Due => Checks::Due,
            Effort::Everything => Checks::AllAfter(after),
        };
        let reviews = !self.state.is_listing_permitted && !self.is_draining;
        let reviews = reviews && self.effort == Effort::Due;
        let now = self.marketplace.now();
        self.marketplace
            .read(move |ledger| {
                let mut batch = ledger.payments_to_check(&scope, &id, checks, now, BATCH)?;
                if reviews {
                    batch.extend(ledger.payments_to_review(&scope, now, REVIEWS)?);
                }
                Ok(batch)
            })
            .await
    }

    async fn ask_about(&mut self, payment: &StoredPayment) -> Result<Next, Error> {
        self.summary.asked += 1;
        let asked = match &payment.remote_id {
            Some(remote_id) if !self.is_draining && !payment.needs_closing => {
                self.fetch(payment, remote_id).await
            }
            _ => self.close(payment).await,
        };
        match asked {
            Ok((changed, None)) => {
                self.summary.changed += usize::from(changed);
                Ok(Next::Done)
            }
            // The provider has answered: the payment cannot be closed yet.
            Ok((_, Some(_))) => {
                self.put_off(payment, None).await?;
                Ok(Next::Done)
            }
            // The ledger refuses the answer, and works otherwise: it holds up no other payment.
            Err(error @ Error::Ledger(LedgerError::Other(_))) => self.fail(payment, &error).await,
            Err(Error::Ledger(error)) => Err(error.into()),
            Err(error @ Error::Provider(ProviderError::NotFound(_))) => {
                // It may belong to another account, which was installed here before.
                match self.marketplace.check_account(&self.handle, payment).await {
                    Err(Error::OtherAccount { .. }) => {
                        let unreachable = payment.clone();
                        self.marketplace
                            .change_at(move |ledger, now| {
                                ledger.record_unreachable(&unreachable, now)
                            })
                            .await?;
                        Ok(Next::Done)
                    }
                    checked => {
                        checked?;
                        self.fail(payment, &error).await
                    }
                }
            }
            Err(error) => self.fail(payment, &error).await,
        }
    }

    /// Fetches a payment. Returns whether it has changed.
    async fn fetch(
        &self,
        payment: &StoredPayment,
        remote_id: &str,
    ) -> Result<(bool, Option<Problem>), Error> {
        match self.marketplace.fetch(&self.handle, remote_id).await? {
            Some((now, _)) => Ok((differs(&now, payment), None)),
            // The answer is about another payment.
            None => Err(Error::PaymentUnknown(self.handle.mode())),
        }
    }

    /// Closes a payment. Returns whether it has changed, and why it is still open.
    async fn close(&self, payment: &StoredPayment) -> Result<(bool, Option<Problem>), Error> {
        let because = self.marketplace.close(&self.handle, payment).await?;
        Ok((because.is_none(), because))
    }

    async fn fail(&mut self, payment: &StoredPayment, error: &Error) -> Result<Next, Error> {
        let problem = error.problem();
        self.summary.fail(&payment.reference, problem.clone(), error.kind());
        self.put_off(payment, Some(&problem)).await?;
        Ok(match error {
            Error::Provider(ProviderError::InvalidCredentials(_)) => {
                self.is_rejected = true;
                Next::Stop(problem)
            }
            Error::Provider(ProviderError::Unavailable(_) | ProviderError::UnknownOutcome(_))
            | Error::Plugin(
                CallError::TimedOut | CallError::NoPlace(_) | CallError::HostLimitReached(_),
            ) => Next::Outage(problem),
            _ => Next::Failed(problem),
        })
    }

    /// Asks about a payment later. `because`: why it could not be asked about.
    async fn put_off(
        &self,
        payment: &StoredPayment,
        because: Option<&Problem>,
    ) -> Result<(), Error> {
        let (payment, because) = (payment.clone(), because.cloned().map(Into::into));
        self.marketplace
            .change_at(move |ledger, now| {
                ledger.record_check_failed(&payment, because.as_ref(), now)
            })
            .await
    }
}

fn differs(now: &StoredPayment, before: &StoredPayment) -> bool {
    (now.status, now.received, now.refunded, now.needs_refetch)
        != (before.status, before.received, before.refunded, before.needs_refetch)
}
