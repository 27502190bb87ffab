//! The one place where a stored payment takes over what the provider says.

use rusqlite::{Connection, params};

use super::LedgerError;
use super::attention::{
    AttentionCode, AttentionDetails, NewAttention, raise, settle_payment, settle_refunds,
};
use super::disputes::record_dispute;
use super::failed_refunds::record_smaller_sum;
use super::notices::{Notice, NoticeDetails, append_notice};
use super::payment_state::{
    Attention, Known, News, Notices, PaymentState, Plan, Step, is_final, plan,
};
use super::schedule::{next_check, next_review};
use super::stored_payment::{Scope, StoredPayment};
use super::transitions::{append_transition, last_told};
use crate::types::{Money, Payment, PaymentStatus};

/// What the money of a payment may need a person for.
const MONEY: [AttentionCode; 3] =
    [AttentionCode::AmountDiffers, AttentionCode::PaidLate, AttentionCode::PaidTwice];

impl StoredPayment {
    fn state(&self) -> PaymentState {
        PaymentState {
            status: self.status,
            as_of: self.as_of,
            authority: self.authority,
            needs_refetch: self.needs_refetch,
            received: self.received,
            refunded: self.refunded,
        }
    }
}

/// The result of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// Nothing was written: the provider has to be asked.
    Ask,
    /// The news is taken over.
    Done {
        /// Whether there are payments that have to be closed at the provider.
        has_closing: bool,
    },
}

/// Plans what the news changes in a stored payment, and carries it out, within the caller's transaction.
pub(super) fn update_payment(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    news: News<'_>,
    now: u64,
) -> Result<Update, LedgerError> {
    let known = Known {
        expected: &stored.amount,
        state: stored.state(),
        version: stored.version,
        has_remote_id: stored.remote_id.is_some(),
        told: last_told(connection, stored.row_id)?,
    };
    let Step::Take(plan) = plan(known, news) else {
        return Ok(Update::Ask);
    };
    let payment = match news {
        News::Created(payment) | News::Event { payment, .. } | News::Fetched { payment, .. } => {
            Some(payment)
        }
        News::Notice | News::NoAnswer | News::Accepted => None,
    };
    let change = Change { connection, scope, stored, payment, plan, now };
    change.store()?;
    change.mark_closing()?;
    // An output comes before what became true after it.
    if let Some(told) = plan.tells {
        append_transition(connection, scope, stored.row_id, told, now)?;
    }
    change.tell_notices(plan.notices)?;
    if let News::Fetched { payment, .. } = news {
        for dispute in &payment.disputes {
            record_dispute(connection, scope, stored.row_id, dispute, now, now)?;
        }
    }
    change.update_attention()?;
    Ok(Update::Done { has_closing: plan.closes_page || plan.closes_siblings })
}

/// Takes over the provider's ids of a payment that is asked about later: without them it cannot be.
pub(super) fn store_ids(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    payment: &Payment,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached("UPDATE payments SET remote_id = ?2 WHERE id = ?1 AND remote_id IS NULL")?
        .execute(params![stored.row_id, payment.id])?;
    store_aliases(connection, scope, stored, payment)
}

fn store_aliases(
    connection: &Connection,
    scope: &Scope,
    stored: &StoredPayment,
    payment: &Payment,
) -> Result<(), LedgerError> {
    for alias in &payment.aliases {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO aliases (workspace, provider, mode, alias, payment)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                alias,
                stored.row_id
            ])?;
    }
    Ok(())
}

/// A plan that is carried out.
struct Change<'a> {
    connection: &'a Connection,
    scope: &'a Scope,
    stored: &'a StoredPayment,
    payment: Option<&'a Payment>,
    plan: Plan,
    now: u64,
}

impl Change<'_> {
    /// When the provider is asked about the payment next. None: it does not have to be asked.
    fn check_at(&self, page_ends_at: Option<u64>) -> Option<u64> {
        let has_remote_id = self.stored.remote_id.is_some() || self.plan.takes_details;
        let is_open = !is_final(self.plan.state.status);
        if self.plan.state.needs_refetch || self.stored.needs_closing || self.plan.closes_page {
            Some(self.now)
        } else if is_open && has_remote_id {
            Some(next_check(self.now, self.stored.attempt.reserved_at, page_ends_at))
        } else {
            None
        }
    }

    /// Stores the state; and the provider's ids and status, the failure and the page, if they are taken over.
    fn store(&self) -> Result<(), LedgerError> {
        let (state, stored) = (self.plan.state, self.stored);
        let details = self.payment.filter(|_| self.plan.takes_details);
        let page = details.and_then(Payment::page);
        let page_ends_at = page.and_then(|page| page.expires_at).or(stored.page_ends_at);
        let is_approved = state.status == PaymentStatus::Approved;
        let review_at =
            is_approved.then(|| next_review(self.now, stored.attempt.reserved_at)).flatten();
        let is_changed = state != stored.state() || self.plan.takes_details;
        let money = self.payment.filter(|_| state.received > 0).map(|payment| &payment.amount);
        let received_currency = money.map(|money| &money.currency);
        let received_currency = received_currency.filter(|own| **own != stored.amount.currency);
        let failure = details.and_then(|payment| payment.failure.as_ref());
        let failure = failure.and_then(|why| serde_json::to_string(why).ok());
        // One statement for both: each writes the row and its indexes.
        self.connection
            .prepare_cached(
                "UPDATE payments
                 SET status = ?2, as_of = ?3, authority = ?4, needs_refetch = ?5, received = ?6,
                     refunded = ?7, version = version + ?8, check_at = ?9, check_failures = 0,
                     review_at = ?10, page_ends_at = ?11,
                     received_currency = coalesce(?12, received_currency),
                     remote_id = iif(?13, ?14, remote_id),
                     provider_status = iif(?13, ?15, provider_status),
                     failure = iif(?13, ?16, failure),
                     checkout_url = iif(?17, NULL, coalesce(?18, checkout_url))
                 WHERE id = ?1",
            )?
            .execute(params![
                stored.row_id,
                state.status.as_str(),
                state.as_of,
                state.authority.as_str(),
                state.needs_refetch,
                state.received,
                state.refunded,
                is_changed,
                self.check_at(page_ends_at),
                review_at,
                page_ends_at,
                received_currency,
                details.is_some(),
                details.map(|payment| &payment.id),
                details.map(|payment| &payment.provider_status),
                failure,
                details.is_some() && self.plan.page_is_over,
                details.and_then(Payment::checkout_url)
            ])?;
        match (self.payment, details) {
            (Some(payment), None) => store_ids(self.connection, self.scope, stored, payment),
            (Some(payment), Some(_)) => store_aliases(self.connection, self.scope, stored, payment),
            (None, _) => Ok(()),
        }
    }

    /// Marks the payments that have to be closed at the provider.
    fn mark_closing(&self) -> Result<(), LedgerError> {
        let (scope, row_id) = (self.scope, self.stored.row_id);
        if self.plan.closes_page {
            self.connection
                .prepare_cached("UPDATE payments SET needs_closing = 1 WHERE id = ?1")?
                .execute([row_id])?;
        }
        if self.plan.closes_siblings {
            self.connection
                .prepare_cached(
                    "UPDATE payments
                     SET needs_closing = 1, check_at = ?6, version = version + 1
                     WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
                         AND id <> ?5 AND status NOT IN ('approved', 'canceled')",
                )?
                .execute(params![
                    scope.workspace,
                    scope.provider,
                    scope.mode.as_str(),
                    self.stored.reference,
                    row_id,
                    self.now
                ])?;
        }
        Ok(())
    }

    fn tell_notices(&self, notices: Notices) -> Result<(), LedgerError> {
        let (stored, now) = (self.stored, self.now);
        let currency = self.payment.map_or(&stored.amount.currency, |own| &own.amount.currency);
        let tell = |notice, minor_units, refunded| {
            let amount = Some(Money { minor_units, currency: currency.clone() });
            let details = NoticeDetails { amount, refunded, ..NoticeDetails::default() };
            append_notice(self.connection, self.scope, stored.row_id, notice, &details, now)
        };
        if let Some(received) = notices.paid_late {
            tell(Notice::PaidLate, received, None)?;
        }
        if let Some(more) = notices.refunded {
            tell(Notice::Refunded, more, self.plan.state.refunded)?;
            settle_refunds(self.connection, stored.row_id, more, now)?;
        }
        if let Some(less) = notices.refund_failed {
            record_smaller_sum(self.connection, self.scope, stored, less, now)?;
        }
        Ok(())
    }

    fn update_attention(&self) -> Result<(), LedgerError> {
        let row_id = self.stored.row_id;
        let is_new = self.plan.state != self.stored.state();
        // The provider has answered, or has said by itself how the payment is.
        if self.payment.is_some() && (is_new || self.stored.check_failures > 0) {
            settle_payment(self.connection, row_id, &[AttentionCode::PaymentUnread], self.now)?;
        }
        if self.plan.settles_money {
            settle_payment(self.connection, row_id, &MONEY, self.now)?;
        }
        if self.plan.state.status == PaymentStatus::Approved
            && self.stored.status != PaymentStatus::Approved
        {
            self.late_siblings_are_paid_twice()?;
        }
        let Some(attention) = self.plan.attention else { return Ok(()) };
        let code = match attention {
            Attention::AmountDiffers => AttentionCode::AmountDiffers,
            Attention::PaidLate if self.has_approved_sibling()? => AttentionCode::PaidTwice,
            Attention::PaidLate => AttentionCode::PaidLate,
        };
        let amount = self.payment.map(|payment| Money {
            minor_units: payment.received,
            currency: payment.amount.currency.clone(),
        });
        let details = AttentionDetails { amount, ..AttentionDetails::default() };
        let new = NewAttention { code, subject: "", payment: Some(row_id), details };
        raise(self.connection, self.scope, &new, self.now)
    }

    fn has_approved_sibling(&self) -> Result<bool, LedgerError> {
        let scope = self.scope;
        Ok(self
            .connection
            .prepare_cached(
                "SELECT 1 FROM payments
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
                     AND id <> ?5 AND status = 'approved'",
            )?
            .exists(params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                self.stored.reference,
                self.stored.row_id
            ])?)
    }

    /// The other attempts of the reference that were paid late were paid once too often.
    fn late_siblings_are_paid_twice(&self) -> Result<(), LedgerError> {
        for sibling in self.siblings()? {
            self.connection
                .prepare_cached(
                    "UPDATE OR IGNORE attention SET code = 'paid-twice'
                     WHERE payment = ?1 AND code = 'paid-late' AND closed_at IS NULL",
                )?
                .execute([sibling])?;
        }
        Ok(())
    }

    /// The other attempts of the reference: nearly always there is none. Asked in a statement of its own, because SQLite
    /// makes two temporary tables for one that does both.
    fn siblings(&self) -> Result<Vec<i64>, LedgerError> {
        let scope = self.scope;
        let siblings = self
            .connection
            .prepare_cached(
                "SELECT id FROM payments
                 WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND reference = ?4
                     AND id <> ?5",
            )?
            .query_map(
                params![
                    scope.workspace,
                    scope.provider,
                    scope.mode.as_str(),
                    self.stored.reference,
                    self.stored.row_id
                ],
                |row| row.get(0),
            )?
            .collect::<Result<_, _>>()?;
        Ok(siblings)
    }
}
