//! Payments for display: the list, and the history of one.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::notices::NoticeDetails;
use super::stored_payment::{Scope, StoredPayment};
use super::transitions::Told;
use super::{Ledger, LedgerError};

/// One entry of a payment's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum HistoryEntry {
    /// An event of the provider was recorded.
    Event {
        /// The provider's id of the event.
        id: String,
        /// The event's type.
        r#type: String,
        /// When it happened, by the provider's clock, in Unix seconds.
        occurred_at: u64,
        /// When it was received, in Unix seconds.
        at: u64,
    },
    /// The flow's output changed.
    Transition {
        /// The transition's place in the order of all transitions.
        position: u64,
        /// `Approved`, `Rejected` or `Pending`.
        output: String,
        /// Whether no other output can follow.
        r#final: bool,
        /// When it was written, in Unix seconds.
        at: u64,
    },
    /// The flow was told something besides.
    Notice {
        /// Its place in the order of all transitions.
        position: u64,
        /// `refunded`, `refund-failed`, `disputed`, `dispute-closed` or `paid-late`.
        notice: String,
        /// What it says.
        details: NoticeDetails,
        /// When it was written, in Unix seconds.
        at: u64,
    },
}

impl HistoryEntry {
    /// When it was written, in Unix seconds.
    #[must_use]
    pub fn at(&self) -> u64 {
        match self {
            Self::Event { at, .. } | Self::Transition { at, .. } | Self::Notice { at, .. } => *at,
        }
    }
}

/// A payment and everything that was recorded of it, in order.
#[derive(Debug)]
pub struct PaymentHistory {
    /// The payment as it is stored now.
    pub payment: StoredPayment,
    /// When the flow asked for it, in Unix seconds.
    pub created_at: u64,
    /// Every id that the provider has for it.
    pub aliases: Vec<String>,
    /// The events and transitions, in order.
    pub entries: Vec<HistoryEntry>,
}

impl Ledger {
    /// The payments of a scope, the newest first, at most `limit` of them. `before`: only those that are older
    /// than this place.
    pub fn payments(
        &self,
        scope: &Scope,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND payments.id < ?4
             ORDER BY payments.id DESC LIMIT ?5",
            StoredPayment::COLUMNS
        );
        let before = before.and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX);
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), before, limit];
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments = statement.query_map(of_scope, StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }

    /// The provider's id of the newest payment that an installation has created. None: there is none.
    pub fn latest_remote_id(
        &self,
        scope: &Scope,
        installation: &str,
    ) -> Result<Option<String>, LedgerError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT remote_id FROM payments
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND installation = ?4
                 AND remote_id IS NOT NULL
             ORDER BY payments.id DESC LIMIT 1",
            )?
            .query_row(
                params![scope.workspace, scope.provider, scope.mode.as_str(), installation],
                |row| row.get(0),
            );
        Ok(found.optional()?)
    }

    /// The history of a payment, by its reference or any id of the provider's.
    pub fn payment_history(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<PaymentHistory>, LedgerError> {
        let Some(payment) = self.payment(scope, id)? else {
            return Ok(None);
        };
        let row_id = payment.row_id;
        let mut entries: Vec<HistoryEntry> = self
            .connection
            .prepare_cached(
                "SELECT event, type, occurred_at, received_at FROM events WHERE payment = ?1
                 ORDER BY received_at, occurred_at",
            )?
            .query_map([row_id], |row| {
                Ok(HistoryEntry::Event {
                    id: row.get(0)?,
                    r#type: row.get(1)?,
                    occurred_at: row.get(2)?,
                    at: row.get(3)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let mut transitions = self.connection.prepare_cached(
            "SELECT position, at, output, final, notice, details FROM transitions
             WHERE payment = ?1 ORDER BY position",
        )?;
        let transitions = transitions.query_map([row_id], |row| {
            let (position, at) = (row.get(0)?, row.get(1)?);
            Ok(match Told::read(row, 2)? {
                Told::Output { output, r#final } => {
                    HistoryEntry::Transition { position, output, r#final, at }
                }
                Told::Notice { notice, details } => {
                    HistoryEntry::Notice { position, notice, details, at }
                }
            })
        })?;
        for transition in transitions {
            entries.push(transition?);
        }
        // Within a second an event comes before the transition that it caused; the sort below keeps
        // that order. The first Pending has no cause among the events, so it is put first.
        let is_first_pending = |entry: &HistoryEntry| matches!(entry, HistoryEntry::Transition { output, .. } if output == "Pending");
        if let Some(first) = entries.iter().position(is_first_pending) {
            let first = entries.remove(first);
            entries.insert(0, first);
        }
        entries.sort_by_key(HistoryEntry::at);
        let created_at = self
            .connection
            .prepare_cached("SELECT created_at FROM payments WHERE id = ?1")?
            .query_row([row_id], |row| row.get(0))?;
        let mut aliases =
            self.connection.prepare_cached("SELECT alias FROM aliases WHERE payment = ?1")?;
        let aliases = aliases.query_map([row_id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Some(PaymentHistory { payment, created_at, aliases, entries }))
    }
}
