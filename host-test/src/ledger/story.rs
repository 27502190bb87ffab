//! Payments as a person asks about them: all of them in a list, and the story of one.

use rusqlite::params;
use serde::Serialize;

use super::installations::mode_word;
use super::payments::{Scope, StoredPayment};
use super::{Ledger, LedgerError};

/// Something that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Happening {
    /// An event of the provider's was taken.
    Event {
        /// The provider's id of it.
        id: String,
        /// Its type.
        r#type: String,
        /// When it happened, by the provider's clock, in Unix seconds.
        occurred_at: u64,
        /// When it was taken, in Unix seconds.
        at: u64,
    },
    /// The flow was told.
    Transition {
        /// Its place in the order of all.
        position: u64,
        /// `Approved`, `Rejected` or `Pending`.
        output: String,
        /// Whether another can follow.
        r#final: bool,
        /// When it was written, in Unix seconds.
        at: u64,
    },
}

impl Happening {
    /// When it was written down, in Unix seconds.
    #[must_use]
    pub fn at(&self) -> u64 {
        match self {
            Self::Event { at, .. } | Self::Transition { at, .. } => *at,
        }
    }
}

/// A payment and all that happened to it, in order.
#[derive(Debug)]
pub struct Story {
    /// The payment as it is known now.
    pub payment: StoredPayment,
    /// When the flow asked for it, in Unix seconds.
    pub asked_for_at: u64,
    /// Every name that the provider has for it.
    pub aliases: Vec<String>,
    /// What happened.
    pub happenings: Vec<Happening>,
}

impl Ledger {
    /// The payments of a scope, the latest first.
    pub fn payments(&self, scope: &Scope, limit: u32) -> Result<Vec<StoredPayment>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM payments WHERE workspace = ?1 AND provider = ?2 AND mode = ?3
             ORDER BY payments.id DESC LIMIT ?4",
            StoredPayment::COLUMNS
        );
        let whose = params![scope.workspace, scope.provider, mode_word(scope.mode), limit];
        let mut statement = self.connection.prepare_cached(&sql)?;
        let payments = statement.query_map(whose, StoredPayment::read)?;
        Ok(payments.collect::<Result<_, _>>()?)
    }

    /// The story of a payment, by its reference or any name of the provider's.
    pub fn story(&self, scope: &Scope, id: &str) -> Result<Option<Story>, LedgerError> {
        let Some(payment) = self.payment(scope, id)? else {
            return Ok(None);
        };
        let row = payment.row;
        let mut happenings: Vec<Happening> = self
            .connection
            .prepare_cached(
                "SELECT event, type, occurred_at, received_at FROM events WHERE payment = ?1
                 ORDER BY received_at, occurred_at",
            )?
            .query_map([row], |row| {
                Ok(Happening::Event {
                    id: row.get(0)?,
                    r#type: row.get(1)?,
                    occurred_at: row.get(2)?,
                    at: row.get(3)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let mut transitions = self.connection.prepare_cached(
            "SELECT position, output, final, at FROM transitions WHERE payment = ?1
             ORDER BY position",
        )?;
        let transitions = transitions.query_map([row], |row| {
            Ok(Happening::Transition {
                position: row.get(0)?,
                output: row.get(1)?,
                r#final: row.get(2)?,
                at: row.get(3)?,
            })
        })?;
        for transition in transitions {
            happenings.push(transition?);
        }
        // Of the same second the event comes first: it is why the flow was told. But the flow was
        // told first of all that there is a payment.
        let is_first = |happening: &Happening| matches!(happening, Happening::Transition { output, .. } if output == "Pending");
        if let Some(first) = happenings.iter().position(is_first) {
            let first = happenings.remove(first);
            happenings.insert(0, first);
        }
        happenings.sort_by_key(Happening::at);
        let asked_for_at = self.connection.query_row(
            "SELECT created_at FROM payments WHERE id = ?1",
            [row],
            |row| row.get(0),
        )?;
        let mut aliases =
            self.connection.prepare_cached("SELECT alias FROM aliases WHERE payment = ?1")?;
        let aliases = aliases.query_map([row], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Some(Story { payment, asked_for_at, aliases, happenings }))
    }
}
