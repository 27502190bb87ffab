//! Transitions: the changes of a flow's output, in order.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::payment_state::Output;
use super::stored_payment::Scope;
use super::{Ledger, LedgerError};
use crate::types::Mode;

/// One change of a flow's output.
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
    /// `Approved`, `Rejected` or `Pending`.
    pub output: String,
    /// Whether no other output of this attempt can follow.
    pub r#final: bool,
    /// When it was written, in Unix seconds.
    pub at: u64,
}

// serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn serialize_mode<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.as_str())
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
            "SELECT position, reference, attempt, remote_id, output, final, at
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
                output: row.get(4)?,
                r#final: row.get(5)?,
                at: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last position that a consumer has acknowledged. 0: none.
    pub fn acknowledged_position(&self, scope: &Scope, consumer: &str) -> Result<u64, LedgerError> {
        let position = self.connection.query_row(
            "SELECT position FROM cursors
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND consumer = ?4",
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
    ) -> Result<bool, LedgerError> {
        let transaction = self.write()?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str()];
        let last: Option<u64> = transaction.query_row(
            "SELECT max(position) FROM transitions
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3",
            of_scope,
            |row| row.get(0),
        )?;
        if last.is_none_or(|last| position > last) {
            return Ok(false);
        }
        transaction.execute(
            "INSERT INTO cursors (workspace, provider, mode, consumer, position)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET position = max(position, ?5)",
            params![scope.workspace, scope.provider, scope.mode.as_str(), consumer, position],
        )?;
        transaction.commit()?;
        Ok(true)
    }
}

/// What the flow was told last about a payment, and whether that was final.
pub(super) fn last_told(
    connection: &Connection,
    payment_row_id: i64,
) -> Result<Option<(Output, bool)>, LedgerError> {
    let last: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT output, final FROM transitions WHERE payment = ?1
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row([payment_row_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(last.and_then(|(output, is_final)| Some((Output::parse(&output)?, is_final))))
}

/// Appends what the flow is told, and whether that is final.
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
