//! Verified events. An event, its payment and the flow's transition are one transaction.

#[cfg(test)]
mod later_truth;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waiting;

use rusqlite::{Connection, params};

use super::delivery_summary::record_verified_delivery;
use super::disputes::record_dispute;
use super::failed_refunds::record_refund_event;
use super::lookup::{find, find_by_alias};
use super::lost_payments::restore_payment;
use super::payment_state::News;
use super::stored_payment::{Scope, StoredPayment};
use super::update::{Update, store_ids, update_payment};
use super::{Ledger, LedgerError, early_events};
use crate::types::{Authority, Event, EventSubject, Payment};

/// The result of fetching a payment because of an event.
pub enum Refetch {
    /// The provider was not asked yet.
    NotTried,
    /// The provider returned the payment.
    Fetched {
        /// The payment.
        payment: Box<Payment>,
        /// The version that the stored payment had before the provider was asked.
        version: u64,
    },
    /// The provider did not return the payment, or is asked later: the payment is marked for it.
    Later,
}

/// The result of recording an event.
#[derive(Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// An event with this id is recorded already.
    Duplicate,
    /// The payment was not created here.
    Foreign,
    /// The payment was created here and is not stored yet. The event is kept until it is.
    Early,
    /// Nothing of it was recorded. The provider has to be asked first, and the event recorded again with
    /// its answer.
    NeedsRefetch {
        /// The version that the stored payment has now.
        version: u64,
    },
    /// The event is recorded, and the payment updated.
    Recorded {
        /// Whether there are payments that have to be closed at the provider.
        has_closing: bool,
    },
}

impl Ledger {
    /// Records a verified event, and with it the change of its payment and the flow's transition.
    /// `delivered_to` is the installation that it was delivered to. None: it was listed by the
    /// provider.
    pub fn record_event(
        &mut self,
        scope: &Scope,
        delivered_to: Option<&str>,
        event: &Event,
        refetch: &Refetch,
        now: u64,
    ) -> Result<EventOutcome, LedgerError> {
        let (most_early, mut deleted) = (self.most_early_events, 0);
        let transaction = self.write()?;
        if let Some(installation) = delivered_to {
            record_verified_delivery(&transaction, installation, now)?;
        }
        let is_recorded = transaction
            .prepare_cached(
                "SELECT 1 FROM events WHERE workspace = ?1 AND provider = ?2 AND event = ?3",
            )?
            .exists([&scope.workspace, &scope.provider, &event.id])?;
        let stored = match &event.subject {
            EventSubject::Payment(payment) => find(&transaction, scope, payment)?,
            other => match other.payment_id() {
                Some(id) => find_by_alias(&transaction, scope, id)?,
                None => None,
            },
        };
        let outcome = if is_recorded {
            EventOutcome::Duplicate
        } else if let Some(stored) = stored {
            apply_event(&transaction, scope, &stored, event, refetch, now, now)?
        } else if let EventSubject::Payment(payment) = &event.subject
            && let Some(reference) = &payment.reference
            && payment.mode == scope.mode
        {
            if let Some(lost) = restore_payment(&transaction, scope, payment, reference, now)? {
                apply_event(&transaction, scope, &lost, event, refetch, now, now)?
            } else {
                deleted = early_events::store_early_event(
                    &transaction,
                    scope,
                    event,
                    reference,
                    now,
                    most_early,
                )?;
                EventOutcome::Early
            }
        } else {
            EventOutcome::Foreign
        };
        transaction.commit()?;
        self.deleted_early_events += deleted;
        Ok(outcome)
    }
}

/// Applies an event to its stored payment and records it, within the caller's transaction.
///
/// A refund or a dispute carries no payment, and a payment that was fetched for an event may be older
/// than what is stored: in both cases the provider is asked.
pub(super) fn apply_event(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    event: &Event,
    refetch: &Refetch,
    received_at: u64,
    now: u64,
) -> Result<EventOutcome, LedgerError> {
    let occurred_at = event.occurred_at;
    let news = match &event.subject {
        EventSubject::Payment(payment) if event.authority == Authority::Signed => {
            News::Event { payment, occurred_at }
        }
        _ => News::Notice,
    };
    let mut update = update_payment(connection, scope, stored, news, now)?;
    if update == Update::Ask {
        let answer = match refetch {
            Refetch::NotTried => News::Notice,
            Refetch::Fetched { payment, version } => {
                News::Fetched { payment, version: *version, occurred_at }
            }
            Refetch::Later => News::NoAnswer,
        };
        if let (Refetch::Later, EventSubject::Payment(payment)) = (refetch, &event.subject) {
            store_ids(connection, scope, stored, payment)?;
        }
        update = update_payment(connection, scope, stored, answer, now)?;
    }
    let Update::Done { has_closing } = update else {
        return Ok(EventOutcome::NeedsRefetch { version: stored.version });
    };
    // After the payment, so that what was refunded before does not settle what has failed now.
    match &event.subject {
        EventSubject::Refund(refund) => {
            record_refund_event(connection, scope, stored, refund, now)?;
        }
        EventSubject::Dispute(dispute) => {
            record_dispute(connection, scope, stored.row_id, dispute, occurred_at, now)?;
        }
        EventSubject::Payment(_) | EventSubject::Other(_) => {}
    }
    connection.prepare_cached(
        "INSERT INTO events (workspace, provider, event, type, occurred_at, received_at, payment)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            scope.workspace,
            scope.provider,
            event.id,
            event.event_type,
            event.occurred_at,
            received_at,
            stored.row_id
        ],
    )?;
    Ok(EventOutcome::Recorded { has_closing })
}
