//! Transitions: what a flow is told, in order. An output decides how the flow goes on, and is never taken back. A
//! notice says what became true later.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::notices::NoticeDetails;
use super::payment_state::Output;
use super::stored_payment::Scope;
use super::unread_outputs::settle_unread_outputs;
use super::{Ledger, LedgerError};
use crate::types::Mode;

/// What a flow is told once.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Transition {
    /// The transition's place in the order of all transitions. It only grows.
    pub position: u64,
    /// The workspace's id.
    pub workspace: String,
    /// The provider's id.
    pub provider: String,
    /// The mode. In JSON `test` or `live`.
    #[serde(serialize_with = "serialize_mode")]
    pub mode: Mode,
    /// The payment's reference.
    pub reference: String,
    /// The id of the attempt that created the payment. A reference that was canceled and used again has
    /// another attempt.
    pub attempt: String,
    /// The provider's id of the payment. None: the provider has not answered yet.
    pub payment: Option<String>,
    /// An output or a notice.
    #[serde(flatten)]
    pub told: Told,
    /// When it was written, in Unix seconds.
    pub at: u64,
}

/// An output or a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// How the flow goes on.
    Output {
        /// `Approved`, `Rejected` or `Pending`.
        output: String,
        /// Whether no other output of this attempt can follow.
        r#final: bool,
    },
    /// What became true later.
    Notice {
        /// `refunded`, `refund-failed`, `disputed`, `dispute-closed` or `paid-late`.
        notice: String,
        /// What it says.
        details: NoticeDetails,
    },
}

impl Transition {
    /// The output. None: it is a notice.
    #[must_use]
    pub fn output(&self) -> Option<&str> {
        match &self.told {
            Told::Output { output, .. } => Some(output),
            Told::Notice { .. } => None,
        }
    }

    /// The notice. None: it is an output.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        match &self.told {
            Told::Output { .. } => None,
            Told::Notice { notice, .. } => Some(notice),
        }
    }
}

// serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn serialize_mode<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.as_str())
}

impl Told {
    /// Reads output, whether it is final, notice and details from four columns.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let notice: Option<String> = row.get(first + 2)?;
        Ok(match notice {
            Some(notice) => {
                let details: Option<String> = row.get(first + 3)?;
                let details = serde_json::from_str(&details.unwrap_or_default());
                Self::Notice { notice, details: details.unwrap_or_default() }
            }
            None => Self::Output { output: row.get(first)?, r#final: row.get(first + 1)? },
        })
    }
}

impl Ledger {
    /// The transitions of a scope after a position, in order, at most `limit` of them.
    pub fn transitions(
        &self,
        scope: &Scope,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Transition>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT position, reference, attempt, remote_id, at, output, final, notice, details
             FROM transitions JOIN payments ON payments.id = payment
             WHERE transitions.workspace = ?1 AND transitions.provider = ?2
                 AND transitions.mode = ?3 AND position > ?4
             ORDER BY position LIMIT ?5",
        )?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), after, limit];
        let rows = statement.query_map(of_scope, |row| {
            Ok(Transition {
                position: row.get(0)?,
                workspace: scope.workspace.clone(),
                provider: scope.provider.clone(),
                mode: scope.mode,
                reference: row.get(1)?,
                attempt: row.get(2)?,
                payment: row.get(3)?,
                at: row.get(4)?,
                told: Told::read(row, 5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last position that a consumer has acknowledged. 0: none.
    pub fn acknowledged_position(&self, scope: &Scope, consumer: &str) -> Result<u64, LedgerError> {
        let position = self
            .connection
            .prepare_cached(
                "SELECT position FROM cursors
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND consumer = ?4",
            )?
            .query_row(
                params![scope.workspace, scope.provider, scope.mode.as_str(), consumer],
                |row| row.get(0),
            );
        Ok(position.optional()?.unwrap_or(0))
    }

    /// Records that a consumer has processed every transition of a scope up to a position. The position
    /// never goes back. `false`: the scope has no transition at or after this position, and nothing was
    /// recorded.
    pub fn acknowledge(
        &mut self,
        scope: &Scope,
        consumer: &str,
        position: u64,
        now: u64,
    ) -> Result<bool, LedgerError> {
        let transaction = self.write()?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str()];
        let last: Option<u64> = transaction
            .prepare_cached(
                "SELECT max(position) FROM transitions
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
            )?
            .query_row(of_scope, |row| row.get(0))?;
        if last.is_none_or(|last| position > last) {
            return Ok(false);
        }
        transaction
            .prepare_cached(
                "INSERT INTO cursors (workspace, provider, mode, consumer, position)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET position = max(position, ?5)",
            )?
            .execute(params![
                scope.workspace,
                scope.provider,
                scope.mode.as_str(),
                consumer,
                position
            ])?;
        settle_unread_outputs(&transaction, scope, now)?;
        transaction.commit()?;
        Ok(true)
    }
}

/// The output that the flow was told last about a payment, and whether that was final.
pub(super) fn last_told(
    connection: &Connection,
    payment_row_id: i64,
) -> Result<Option<(Output, bool)>, LedgerError> {
    let last: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT output, final FROM transitions WHERE payment = ?1 AND output IS NOT NULL
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row([payment_row_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(last.and_then(|(output, is_final)| Some((Output::parse(&output)?, is_final))))
}

/// Appends an output, and whether it is final.
pub(super) fn append_transition(
    connection: &Connection,
    scope: &Scope,
    payment_row_id: i64,
    (output, is_final): (Output, bool),
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO transitions (workspace, provider, mode, payment, output, final, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            payment_row_id,
            output.as_str(),
            is_final,
            now
        ])?;
    Ok(())
}
