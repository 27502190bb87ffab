//! Answers of the provider: to the creation of a payment, and to a fetch.

use super::early_events::take_early_events;
use super::events::{Refetch, apply_event};
use super::payment_state::{Decision, PaymentState};
use super::payments::{
    Attempt, NewPayment, Scope, StoredPayment, find, find_by_attempt, find_by_row_id, find_holder,
    insert_reserved,
};
use super::update::{decide_for, update_payment};
use super::{Ledger, LedgerError};
use crate::types::{Authority, Payment};

/// The result of recording a fetched payment.
#[derive(Debug)]
pub enum FetchOutcome {
    /// The payment was not created here.
    Foreign,
    /// The stored payment has changed since the provider was asked. Nothing was written.
    Outdated {
        /// The version that the stored payment has now.
        version: u64,
    },
    /// The payment is updated.
    Recorded(Box<StoredPayment>),
}

impl Ledger {
    /// Records the answer to the creation of a payment, and applies the events that came before it.
    /// A payment that has a remote id keeps its status, because the answer may repeat an earlier
    /// one. None: the answer is of the other mode.
    pub fn record_created(
        &mut self,
        scope: &Scope,
        new: &NewPayment,
        attempt: &Attempt,
        payment: &Payment,
        now: u64,
    ) -> Result<Option<StoredPayment>, LedgerError> {
        if payment.mode != scope.mode {
            return Ok(None);
        }
        let transaction = self.write()?;
        let own = find_by_attempt(&transaction, scope, &attempt.id)?;
        // A parallel command that was refused may have released the reference.
        if own.is_none() && find_holder(&transaction, scope, &new.reference)?.is_none() {
            insert_reserved(&transaction, scope, new, attempt)?;
        }
        let stored = match own {
            Some(own) => Some(own),
            None => find_holder(&transaction, scope, &new.reference)?,
        };
        let Some(stored) = stored else {
            return Ok(None);
        };
        let decision = match stored.remote_id {
            None => decide_for(&stored, payment, Authority::Fetched, payment.created_at),
            Some(_) => Decision::KeepStatus,
        };
        // Dated by the provider's clock, so that the events that follow are newer.
        let state = PaymentState {
            as_of: payment.created_at,
            authority: Authority::Signed,
            ..PaymentState::of(&stored)
        };
        update_payment(&transaction, scope, &stored, payment, decision, state, now)?;
        // An early event that would need a refetch marks the payment for one.
        let early = take_early_events(&transaction, scope, &new.reference, &stored.attempt.id)?;
        for (event, received_at) in early.events {
            if let Some(stored) = find_by_row_id(&transaction, stored.row_id)? {
                let refetch = Refetch::Failed;
                apply_event(&transaction, scope, &stored, &event, &refetch, received_at, now)?;
            }
        }
        if early.has_unreadable {
            transaction
                .execute("UPDATE payments SET needs_refetch = 1 WHERE id = ?1", [stored.row_id])?;
        }
        let stored = find_by_row_id(&transaction, stored.row_id)?;
        transaction.commit()?;
        Ok(stored)
    }

    /// Records a fetched payment, if the stored one still has the version that it had before the
    /// provider was asked. `version` None: no payment was stored then.
    pub fn record_fetched(
        &mut self,
        scope: &Scope,
        payment: &Payment,
        version: Option<u64>,
        now: u64,
    ) -> Result<FetchOutcome, LedgerError> {
        let transaction = self.write()?;
        let Some(stored) = find(&transaction, scope, payment)? else {
            return Ok(FetchOutcome::Foreign);
        };
        if version != Some(stored.version) {
            return Ok(FetchOutcome::Outdated { version: stored.version });
        }
        let decision = decide_for(&stored, payment, Authority::Fetched, stored.as_of);
        // Our clock does not say which events the answer includes, so the next event is checked by
        // a refetch.
        let state = PaymentState { authority: Authority::Fetched, ..PaymentState::of(&stored) };
        update_payment(&transaction, scope, &stored, payment, decision, state, now)?;
        let stored = find_by_row_id(&transaction, stored.row_id)?.unwrap_or(stored);
        transaction.commit()?;
        Ok(FetchOutcome::Recorded(Box::new(stored)))
    }
}
