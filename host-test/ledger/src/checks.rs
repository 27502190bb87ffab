//! The payments that the provider has to be asked about.

use rusqlite::params;

use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle_payment};
use super::lookup::find_with_scope;
use super::schedule::{FARTHEST_CHECK, after_failures};
use super::stored_payment::{Scope, StoredPayment};
use super::{Ledger, LedgerError};
use crate::types::Problem;

/// How many failures in a row to ask about one payment need a person: about an hour.
const FAILURES_FOR_ATTENTION: u32 = 8;
/// The time between two tries to read an approved payment again, in seconds, after a failure.
const REVIEW_BACK_OFF: u64 = 86_400;

/// Which payments are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Those whose time has come, the longest waiting first.
    Due,
    /// Every one that is not decided, in the order of creation, after this place.
    AllAfter(u64),
}

impl Ledger {
    /// The payments of a scope that the provider has to be asked about with the credentials of an installation, at
    /// most `limit` of them. Those of another installation that is being drained are left to that one.
    pub fn payments_to_check(
        &self,
        scope: &Scope,
        installation: &str,
        checks: Checks,
        now: u64,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let (due_by, after, order) = match checks {
            Checks::Due => (now, 0, "check_at"),
            // Far enough, and the sum with the farthest check does not overflow.
            Checks::AllAfter(place) => (i64::MAX.unsigned_abs() / 2, place, "payments.id"),
        };
        let sql = format!(
            "SELECT {} FROM payments INDEXED BY payments_to_check
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3
                 AND (check_at <= ?4 OR check_at > ?4 + {FARTHEST_CHECK})
                 AND payments.id > ?5
                 AND (remote_id IS NOT NULL OR (
                     SELECT draining_until FROM installations WHERE id = ?6) IS NOT NULL)
                 AND (installation = ?6 OR NOT EXISTS (
                     SELECT 1 FROM installations AS other
                     WHERE other.id = payments.installation
                         AND other.sealed_installation IS NOT NULL))
                 AND (installation = ?6 OR (
                     SELECT draining_until FROM installations WHERE id = ?6) IS NULL)
             ORDER BY {order} LIMIT ?7",
            StoredPayment::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments = statement.query_map(
            params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                due_by,
                after,
                installation,
                limit
            ],
            StoredPayment::read,
        )?;
        Ok(payments.collect::<Result<_, _>>()?)
    }

    /// The approved payments of a scope that are due to be read again, at most `limit` of them.
    pub fn payments_to_review(
        &self,
        scope: &Scope,
        now: u64,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND review_at <= ?4
                 AND remote_id IS NOT NULL
             ORDER BY review_at LIMIT ?5",
            StoredPayment::COLUMNS
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), now, limit];
        let payments = statement.query_map(of_scope, StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }

    /// Records that the provider did not answer about a payment: it is asked again later, and later each time.
    ///
    /// `because`: why it did not. None: it did, and the payment cannot be closed yet.
    pub fn record_check_failed(
        &mut self,
        payment: &StoredPayment,
        because: Option<&Problem>,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        let failures = payment.check_failures.saturating_add(1);
        transaction
            .prepare_cached(
                "UPDATE payments
                 SET check_failures = ?2, check_at = iif(check_at IS NULL, NULL, ?3),
                     review_at = iif(review_at IS NULL, NULL, max(review_at, ?4))
                 WHERE id = ?1",
            )?
            .execute(params![
                payment.row_id,
                failures,
                after_failures(now, failures, payment.place()),
                now.saturating_add(REVIEW_BACK_OFF)
            ])?;
        if let Some(because) = because
            && failures >= FAILURES_FOR_ATTENTION
            && let Some((_, scope)) = find_with_scope(&transaction, payment.row_id)?
        {
            let reason = Some(because.clone());
            let new = NewAttention {
                code: AttentionCode::PaymentUnread,
                subject: "",
                payment: Some(payment.row_id),
                details: AttentionDetails { reason, ..AttentionDetails::default() },
            };
            raise(&transaction, &scope, &new, now)?;
        }
        transaction.commit()
    }

    /// Records that the account does not have a payment any more: it belongs to another account, which was
    /// installed before.
    pub fn record_unreachable(
        &mut self,
        payment: &StoredPayment,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached("UPDATE payments SET check_at = NULL, review_at = NULL WHERE id = ?1")?
            .execute([payment.row_id])?;
        settle_payment(&transaction, payment.row_id, &[AttentionCode::PaymentUnread], now)?;
        transaction.commit()
    }
}
