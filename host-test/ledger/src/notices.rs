//! Notices: what a flow is told of a payment after its output, such as a refund or a dispute.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::stored_payment::Scope;
use crate::types::Money;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Refunded,
    RefundFailed,
    Disputed,
    DisputeClosed,
    PaidLate,
}

impl Notice {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refunded => "refunded",
            Self::RefundFailed => "refund-failed",
            Self::Disputed => "disputed",
            Self::DisputeClosed => "dispute-closed",
            Self::PaidLate => "paid-late",
        }
    }
}

/// What a notice says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeDetails {
    /// How much was refunded, came back, is disputed or came late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// How much of the payment is refunded now, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<u64>,
    /// The provider's id of the refund or the dispute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the dispute is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Until when the merchant has to answer, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_by: Option<u64>,
}

/// Appends a notice.
pub(super) fn append_notice(
    connection: &Connection,
    scope: &Scope,
    payment_row_id: i64,
    notice: Notice,
    details: &NoticeDetails,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO transitions
                 (workspace, provider, mode, payment, final, notice, details, at)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            payment_row_id,
            notice.as_str(),
            serde_json::to_string(details).unwrap_or_default(),
            now
        ])?;
    Ok(())
}
