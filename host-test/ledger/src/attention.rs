//! What needs a person: a row with a code, what it is about, and since when. A row is raised, and settled when its
//! reason has ended.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::stored_payment::Scope;
use crate::types::{Money, Problem};

/// Why something needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionCode {
    /// Less money arrived than was asked for, or money of another currency.
    AmountDiffers,
    /// Money arrived for an attempt that was over.
    PaidLate,
    /// The same, and another attempt of the reference was paid as well.
    PaidTwice,
    /// A customer disputes a payment.
    Dispute,
    /// A refund has come to nothing.
    RefundFailed,
    /// It is not known whether a refund was made.
    RefundUnknown,
    /// The provider does not answer for one payment.
    PaymentUnread,
    /// What happened at the provider is not known in time.
    ReconciliationLags,
    /// Deliveries are refused, one after the other.
    DeliveriesRefused,
    /// The provider does not let the account charge.
    AccountCannotCharge,
    /// A mode was uninstalled, and no flow has read its last outputs.
    OutputsUnread,
    /// A backup was restored: what happened since then is not known yet.
    LedgerRestored,
    /// A plugin has answered with a secret of its installation.
    AnswerHoldsSecret,
}

impl AttentionCode {
    /// Every code, with its name.
    pub const NAMES: [(Self, &str); 13] = [
        (Self::AmountDiffers, "amount-differs"),
        (Self::PaidLate, "paid-late"),
        (Self::PaidTwice, "paid-twice"),
        (Self::Dispute, "dispute"),
        (Self::RefundFailed, "refund-failed"),
        (Self::RefundUnknown, "refund-unknown"),
        (Self::PaymentUnread, "payment-unread"),
        (Self::ReconciliationLags, "reconciliation-lags"),
        (Self::DeliveriesRefused, "deliveries-refused"),
        (Self::AccountCannotCharge, "account-cannot-charge"),
        (Self::OutputsUnread, "outputs-unread"),
        (Self::LedgerRestored, "ledger-restored"),
        (Self::AnswerHoldsSecret, "answer-holds-secret"),
    ];

    /// Its name, such as `paid-late`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(code, _)| *code == self).map_or("", |(_, name)| name)
    }

    /// Reads what `as_str` wrote.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
    }

    /// Whether it is a condition that ends and may come again.
    fn is_recurring(self) -> bool {
        matches!(
            self,
            Self::PaymentUnread
                | Self::ReconciliationLags
                | Self::DeliveriesRefused
                | Self::AccountCannotCharge
                | Self::OutputsUnread
        )
    }

    /// Whether it is something that happens, and not a condition that lasts: it begins anew although a person has
    /// closed it.
    fn is_incident(self) -> bool {
        matches!(self, Self::AnswerHoldsSecret)
    }

    /// Whether it is about money that a person may accept.
    pub(super) fn is_acceptable(self) -> bool {
        matches!(self, Self::AmountDiffers | Self::PaidLate | Self::PaidTwice)
    }
}

/// What the sentence for a person says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttentionDetails {
    /// An amount: received, disputed, refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The provider's word for where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Until when somebody has to act, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_by: Option<u64>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
}

/// What needs a person from now on.
pub(super) struct NewAttention<'a> {
    pub code: AttentionCode,
    pub subject: &'a str,
    /// The row of the payment.
    pub payment: Option<i64>,
    pub details: AttentionDetails,
}

/// Records that something needs a person. What a person has closed stays closed, unless it is an incident. What was
/// settled by itself begins anew.
pub(super) fn raise(
    connection: &Connection,
    scope: &Scope,
    new: &NewAttention<'_>,
    now: u64,
) -> Result<(), LedgerError> {
    let (mode, code) = (scope.mode.as_str(), new.code.as_str());
    connection
        .prepare_cached(
            "DELETE FROM attention
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4 AND subject = ?5
                 AND coalesce(payment, 0) = coalesce(?6, 0)
                 AND (closed_by = 'settled' OR (?7 AND closed_by = 'resolved'))",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            mode,
            code,
            new.subject,
            new.payment,
            new.code.is_incident()
        ])?;
    let details = serde_json::to_string(&new.details).unwrap_or_default();
    // Updated first: an insert that meets a row would use up a number.
    let known = connection
        .prepare_cached(
            "UPDATE attention SET details = ?7
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4 AND subject = ?5
                 AND coalesce(payment, 0) = coalesce(?6, 0)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            mode,
            code,
            new.subject,
            new.payment,
            details
        ])?;
    if known > 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO attention
                 (workspace, provider, mode, code, subject, payment, details, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            mode,
            code,
            new.subject,
            new.payment,
            details,
            now
        ])?;
    Ok(())
}

/// Records that this does not need a person any more. A condition that a person has closed before it has ended may
/// come again from now on.
pub(super) fn settle(
    connection: &Connection,
    scope: &Scope,
    code: AttentionCode,
    subject: &str,
    payment: Option<i64>,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "UPDATE attention SET closed_at = ?7, closed_by = 'settled'
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4 AND subject = ?5
                 AND coalesce(payment, 0) = coalesce(?6, 0)
                 AND (closed_at IS NULL OR (?8 AND closed_by = 'resolved'))",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            code.as_str(),
            subject,
            payment,
            now,
            code.is_recurring()
        ])?;
    Ok(())
}

/// Records that refunds of a payment have reached the customer: they settle those that had come to nothing, the
/// oldest first, as far as the amount goes.
pub(super) fn settle_refunds(
    connection: &Connection,
    payment: i64,
    mut refunded: u64,
    now: u64,
) -> Result<(), LedgerError> {
    let open: Vec<(i64, String)> = connection
        .prepare_cached(
            "SELECT id, details FROM attention
             WHERE payment = ?1 AND code IN ('refund-failed', 'refund-unknown')
                 AND closed_at IS NULL
             ORDER BY id",
        )?
        .query_map([payment], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, details) in open {
        let details: AttentionDetails = serde_json::from_str(&details).unwrap_or_default();
        let Some(left) = refunded.checked_sub(details.amount.map_or(0, |own| own.minor_units))
        else {
            continue;
        };
        refunded = left;
        connection
            .prepare_cached(
                "UPDATE attention SET closed_at = ?2, closed_by = 'settled' WHERE id = ?1",
            )?
            .execute(params![id, now])?;
    }
    Ok(())
}

/// Records that no entry with one of these codes about a payment needs a person any more.
pub(super) fn settle_payment(
    connection: &Connection,
    payment: i64,
    codes: &[AttentionCode],
    now: u64,
) -> Result<(), LedgerError> {
    for code in codes {
        connection
            .prepare_cached(
                "UPDATE attention SET closed_at = ?3, closed_by = 'settled'
                 WHERE payment = ?1 AND code = ?2
                     AND (closed_at IS NULL OR (?4 AND closed_by = 'resolved'))",
            )?
            .execute(params![payment, code.as_str(), now, code.is_recurring()])?;
    }
    Ok(())
}
