//! Transitions: the changes of a flow's output, in order.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::payment_state::{Output, is_final};
use super::{Ledger, LedgerError};
use crate::types::PaymentStatus;

/// One change of a flow's output.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Transition {
    /// The transition's place in the order of all transitions. It only grows.
    pub position: u64,
    /// The payment's reference.
    pub reference: String,
    /// `Approved`, `Rejected` or `Pending`.
    pub output: String,
    /// Whether no other output can follow.
    pub r#final: bool,
    /// When it was written, in Unix seconds.
    pub at: u64,
}

impl Ledger {
    /// The transitions of a workspace's payments after a position, in order.
    pub fn transitions(&self, workspace: &str, after: u64) -> Result<Vec<Transition>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT position, reference, output, final, at
             FROM transitions JOIN payments ON payments.id = payment
             WHERE workspace = ?1 AND position > ?2 ORDER BY position",
        )?;
        let rows = statement.query_map(params![workspace, after], |row| {
            Ok(Transition {
                position: row.get(0)?,
                reference: row.get(1)?,
                output: row.get(2)?,
                r#final: row.get(3)?,
                at: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last position that a consumer has acknowledged. 0: none.
    pub fn acknowledged_position(
        &self,
        workspace: &str,
        consumer: &str,
    ) -> Result<u64, LedgerError> {
        let position = self.connection.query_row(
            "SELECT position FROM consumers WHERE workspace = ?1 AND name = ?2",
            [workspace, consumer],
            |row| row.get(0),
        );
        Ok(position.optional()?.unwrap_or(0))
    }

    /// Records that a consumer has processed every transition up to a position. The position never
    /// goes back.
    pub fn acknowledge(
        &mut self,
        workspace: &str,
        consumer: &str,
        position: u64,
    ) -> Result<(), LedgerError> {
        self.connection.execute(
            "INSERT INTO consumers (workspace, name, position) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET position = max(position, ?3)",
            params![workspace, consumer, position],
        )?;
        Ok(())
    }
}

/// Appends a transition if the flow's output differs from the last one.
pub(super) fn append_transition(
    connection: &Connection,
    payment_row_id: i64,
    status: PaymentStatus,
    now: u64,
) -> Result<(), LedgerError> {
    let last: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT output, final FROM transitions WHERE payment = ?1
             ORDER BY position DESC LIMIT 1",
        )?
        .query_row([payment_row_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (output, is_final) = (Output::of(status).as_str(), is_final(status));
    if last.is_none_or(|last| last != (output.to_owned(), is_final)) {
        connection.execute(
            "INSERT INTO transitions (payment, output, final, at) VALUES (?1, ?2, ?3, ?4)",
            params![payment_row_id, output, is_final, now],
        )?;
    }
    Ok(())
}
