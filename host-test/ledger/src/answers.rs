//! Answers of the provider: to the creation of a payment, and to a fetch.

use rusqlite::params;

use super::early_events::take_early_events;
use super::events::{Refetch, apply_event};
use super::lookup::{find, find_by_attempt, find_by_row_id, find_holder};
use super::payment_state::News;
use super::payments::insert_reserved;
use super::stored_payment::{Attempt, NewPayment, Scope, StoredPayment};
use super::update::{Update, update_payment};
use super::{Ledger, LedgerError};
use crate::types::{Payment, PaymentStatus};

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
    Recorded {
        /// The payment as it is stored now.
        stored: Box<StoredPayment>,
        /// Whether there are payments that have to be closed at the provider.
        has_closing: bool,
    },
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
        if find_by_attempt(&transaction, scope, &attempt.id)?.is_none() {
            // A parallel command that was refused has released the reference. If another attempt holds
            // it by now, this one is over.
            let is_over = find_holder(&transaction, scope, &new.reference)?.is_some();
            let status = if is_over { PaymentStatus::Canceled } else { PaymentStatus::Pending };
            insert_reserved(&transaction, scope, new, attempt, status)?;
        }
        let Some(stored) = find_by_attempt(&transaction, scope, &attempt.id)? else {
            return Ok(None);
        };
        update_payment(&transaction, scope, &stored, News::Created(payment), now)?;
        // An early event that would need a refetch marks the payment for one.
        let early = take_early_events(&transaction, scope, &new.reference, &stored.attempt.id)?;
        for (event, received_at) in early.events {
            if let Some(stored) = find_by_row_id(&transaction, stored.row_id)? {
                let refetch = Refetch::Later;
                apply_event(&transaction, scope, &stored, &event, &refetch, received_at, now)?;
            }
        }
        if early.has_unreadable {
            transaction
                .prepare_cached(
                    "UPDATE payments SET needs_refetch = 1, check_at = ?2 WHERE id = ?1",
                )?
                .execute(params![stored.row_id, now])?;
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
        // Our clock does not say which events the answer includes, so it is dated by none.
        let news = version.map_or(News::Notice, |version| News::Fetched {
            payment,
            version,
            occurred_at: 0,
        });
        let Update::Done { has_closing } = update_payment(&transaction, scope, &stored, news, now)?
        else {
            return Ok(FetchOutcome::Outdated { version: stored.version });
        };
        let stored = find_by_row_id(&transaction, stored.row_id)?.unwrap_or(stored);
        transaction.commit()?;
        Ok(FetchOutcome::Recorded { stored: Box::new(stored), has_closing })
    }
}
