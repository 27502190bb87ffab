//! Payments in the ledger: reserved, replaced, released.

use rusqlite::{Connection, params};

use super::lookup::{
    find_by_alias, find_by_attempt, find_by_reference, find_holder, find_late_money,
};
use super::payment_state::Output;
use super::restored::is_closed_for_restore;
use super::stored_payment::{Attempt, NewPayment, Scope, StoredPayment};
use super::transitions::append_transition;
use super::{Ledger, LedgerError};
use crate::types::{Money, PaymentStatus, PaymentTerms};

/// The result of reserving a reference.
#[derive(Debug)]
pub enum Reservation {
    /// The reference is reserved: the payment may be created.
    Reserved {
        /// `false`: an earlier create has no recorded answer.
        is_new: bool,
        /// The attempt to create it.
        attempt: Attempt,
        /// The request to send: the first one of the attempt. Boxed, because it is large.
        terms: Box<PaymentTerms>,
    },
    /// The payment exists.
    Existing(Box<StoredPayment>),
    /// A payment with this reference exists, with this other amount.
    AmountDiffers(Money),
    /// An attempt of this reference that was over has received money, which was not all refunded.
    PaidLate(Box<StoredPayment>),
    /// A backup was restored, and what was paid since then is not known yet.
    Restored,
}

impl Ledger {
    /// A payment by its reference or any id of the provider's. Of several with the same reference,
    /// the one that is not canceled, else the newest.
    pub fn payment(&self, scope: &Scope, id: &str) -> Result<Option<StoredPayment>, LedgerError> {
        match find_by_reference(&self.connection, scope, id)? {
            Some(payment) => Ok(Some(payment)),
            None => find_by_alias(&self.connection, scope, id),
        }
    }

    /// Reserves a reference for a payment, before the provider is called.
    pub fn reserve(
        &mut self,
        scope: &Scope,
        new: &NewPayment,
        now: u64,
    ) -> Result<Reservation, LedgerError> {
        let transaction = self.write()?;
        if is_closed_for_restore(&transaction, scope)? {
            return Ok(Reservation::Restored);
        }
        if let Some(existing) = find_holder(&transaction, scope, &new.reference)? {
            return Ok(if existing.amount != new.amount {
                Reservation::AmountDiffers(existing.amount)
            } else if existing.remote_id.is_some() {
                Reservation::Existing(Box::new(existing))
            } else {
                let terms = existing.terms.unwrap_or_else(|| new.terms.clone());
                let (attempt, terms) = (existing.attempt, Box::new(terms));
                Reservation::Reserved { is_new: false, attempt, terms }
            });
        }
        if let Some(late) = find_late_money(&transaction, scope, &new.reference)? {
            return Ok(Reservation::PaidLate(Box::new(late)));
        }
        let attempt = Attempt::new(now);
        insert_reserved(&transaction, scope, new, &attempt, PaymentStatus::Pending)?;
        transaction.commit()?;
        Ok(Reservation::Reserved { is_new: true, attempt, terms: Box::new(new.terms.clone()) })
    }

    /// Replaces an attempt for whose idempotency key the provider has stored a failure, by a new one with
    /// the same request. The old one is over: should it have made a page after all, that is closed.
    pub fn replace_attempt(
        &mut self,
        scope: &Scope,
        new: &NewPayment,
        attempt: &Attempt,
        now: u64,
    ) -> Result<Attempt, LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "UPDATE payments SET status = 'canceled', version = version + 1
             WHERE attempt = ?1 AND remote_id IS NULL AND status = 'pending'",
            )?
            .execute([&attempt.id])?;
        // A parallel command may have done the same.
        let holder = find_holder(&transaction, scope, &new.reference)?;
        let replacement = if let Some(holder) = holder {
            holder.attempt
        } else {
            let replacement = Attempt::new(now);
            insert_reserved(&transaction, scope, new, &replacement, PaymentStatus::Pending)?;
            replacement
        };
        transaction.commit()?;
        Ok(replacement)
    }

    /// Cancels an attempt that created nothing at the provider: its page was never given to a customer.
    /// `false`: the provider has answered meanwhile.
    pub fn cancel_reserved(
        &mut self,
        scope: &Scope,
        attempt: &Attempt,
        now: u64,
    ) -> Result<bool, LedgerError> {
        let transaction = self.write()?;
        let Some(stored) = find_by_attempt(&transaction, scope, &attempt.id)? else {
            return Ok(false);
        };
        if stored.remote_id.is_some() {
            return Ok(false);
        }
        if stored.status == PaymentStatus::Canceled {
            transaction.prepare_cached(
                "UPDATE payments SET needs_closing = 0, needs_refetch = 0, check_at = NULL WHERE id = ?1")?.execute(
                [stored.row_id],
            )?;
            transaction.commit()?;
            return Ok(true);
        }
        transaction
            .prepare_cached(
                "UPDATE payments
             SET status = 'canceled', needs_closing = 0, needs_refetch = 0, check_at = NULL,
                 version = version + 1
             WHERE id = ?1",
            )?
            .execute([stored.row_id])?;
        append_transition(&transaction, scope, stored.row_id, (Output::Rejected, true), now)?;
        transaction.commit()?;
        Ok(true)
    }

    /// Releases the reference of an attempt that created nothing at the provider.
    pub fn release(&mut self, attempt: &Attempt) -> Result<(), LedgerError> {
        self.connection.prepare_cached(
            "DELETE FROM payments WHERE attempt = ?1 AND remote_id IS NULL AND status = 'pending'")?.execute(
            [&attempt.id],
        )?;
        Ok(())
    }
}

/// Inserts a payment that the provider has not answered for yet.
pub(super) fn insert_reserved(
    connection: &Connection,
    scope: &Scope,
    new: &NewPayment,
    attempt: &Attempt,
    status: PaymentStatus,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO payments
             (workspace, provider, mode, reference, installation, amount, currency, status,
              provider_status, received, as_of, authority, needs_refetch, created_at, attempt,
              idempotency_key, request)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?12, '', 0, 0, 'signed', 0, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            new.reference,
            new.installation,
            new.amount.minor_units,
            new.amount.currency,
            attempt.reserved_at,
            attempt.id,
            attempt.idempotency_key,
            serde_json::to_string(&new.terms).unwrap_or_default(),
            status.as_str()
        ])?;
    Ok(())
}
