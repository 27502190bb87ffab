//! Pruning: what no payment needs any more is deleted.

use rusqlite::params;

use super::{Ledger, LedgerError};

/// How many payments are pruned in one transaction, so that other writers wait only shortly.
const BATCH: u32 = 1000;

/// How many rows were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events of payments that are over.
    pub events: usize,
    /// Outputs and notices of payments that are over. Each payment's last output stays.
    pub transitions: usize,
    /// Events that came before their payment, which never came.
    pub early_events: usize,
    /// What needed a person, and is closed.
    pub attention: usize,
}

impl Ledger {
    /// Deletes what is older than a time, in Unix seconds, and not needed for money: the events of payments that
    /// are over, their transitions but the last, and events whose payment never came. Payments, refunds, the
    /// provider's ids, and what needs a person stay.
    pub fn prune(&mut self, before: u64) -> Result<Pruned, LedgerError> {
        let mut pruned = Pruned {
            early_events: self
                .connection
                .prepare_cached("DELETE FROM early_events WHERE received_at < ?1")?
                .execute([before])?,
            // About an open payment it would be raised again.
            attention: self
                .connection
                .prepare_cached(
                    "DELETE FROM attention WHERE closed_at < ?1 AND NOT EXISTS (
                     SELECT 1 FROM payments
                     WHERE payments.id = attention.payment
                         AND status NOT IN ('approved', 'canceled'))",
                )?
                .execute([before])?,
            ..Pruned::default()
        };
        self.connection
            .prepare_cached("DELETE FROM kept_deliveries WHERE received_at < ?1")?
            .execute([before])?;
        let mut last = 0_i64;
        loop {
            let transaction = self.write()?;
            let payments: Vec<i64> = transaction
                .prepare_cached(
                    "SELECT id FROM payments
                     WHERE id > ?1 AND created_at < ?2 AND status IN ('approved', 'canceled')
                         AND needs_refetch = 0 AND needs_closing = 0
                     ORDER BY id LIMIT ?3",
                )?
                .query_map(params![last, before, BATCH], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for payment in &payments {
                pruned.events += transaction
                    .prepare_cached("DELETE FROM events WHERE payment = ?1 AND received_at < ?2")?
                    .execute(params![payment, before])?;
                pruned.transitions += transaction
                    .prepare_cached(
                        "DELETE FROM transitions WHERE payment = ?1 AND at < ?2
                             AND position <> (SELECT max(position) FROM transitions
                                              WHERE payment = ?1 AND output IS NOT NULL)",
                    )?
                    .execute(params![payment, before])?;
            }
            transaction.commit()?;
            match payments.last() {
                Some(id) => last = *id,
                None => return Ok(pruned),
            }
        }
    }
}
