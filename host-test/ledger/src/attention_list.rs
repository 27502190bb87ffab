//! The attention list: read, accepted, resolved.

use rusqlite::{OptionalExtension as _, Row, params};

use super::attention::{AttentionCode, AttentionDetails, NewAttention, raise, settle};
use super::lookup::find_by_row_id;
use super::payment_state::News;
use super::stored_payment::Scope;
use super::update::update_payment;
use super::{Ledger, LedgerError};
use crate::types::{Mode, Money};

/// One thing that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionEntry {
    /// Its number. It only grows.
    pub id: u64,
    /// The workspace's id.
    pub workspace: String,
    /// Test or live.
    pub mode: Mode,
    /// Why.
    pub code: AttentionCode,
    /// What it is about besides the payment: the provider's id of a dispute or a refund, the reference of a
    /// refund, an installation. May be empty.
    pub subject: String,
    /// The payment's reference.
    pub reference: Option<String>,
    /// The provider's id of the payment.
    pub payment: Option<String>,
    /// The amount that was asked for.
    pub asked: Option<Money>,
    /// What the sentence says.
    pub details: AttentionDetails,
    /// Since when, in Unix seconds.
    pub since: u64,
}

/// An entry that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedAttention {
    /// The entry.
    pub entry: AttentionEntry,
    /// When it was closed, in Unix seconds.
    pub at: u64,
    /// `settled` by itself, `accepted` or `resolved` by a person.
    pub by: String,
    /// What the person has noted.
    pub note: Option<String>,
}

/// What came of closing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionClosed {
    /// It is closed.
    Done,
    /// There is no such open entry.
    Unknown,
    /// It is not about money that could be accepted.
    NotAcceptable,
}

const COLUMNS: &str =
    "attention.id, attention.workspace, attention.mode, code, subject, reference, remote_id,
     payments.amount, payments.currency, details, since";

fn read(row: &Row<'_>) -> rusqlite::Result<Option<AttentionEntry>> {
    let (mode, code, details): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(9)?);
    let asked: (Option<u64>, Option<String>) = (row.get(7)?, row.get(8)?);
    // A newer version may have written a code that this one does not know.
    let Some((code, mode)) = AttentionCode::parse(&code).zip(Mode::parse(&mode)) else {
        return Ok(None);
    };
    Ok(Some(AttentionEntry {
        id: row.get(0)?,
        workspace: row.get(1)?,
        mode,
        code,
        subject: row.get(4)?,
        reference: row.get(5)?,
        payment: row.get(6)?,
        asked: asked.0.zip(asked.1).map(|(minor_units, currency)| Money { minor_units, currency }),
        details: serde_json::from_str(&details).unwrap_or_default(),
        since: row.get(10)?,
    }))
}

impl Ledger {
    /// What needs a person in a scope, the oldest first, at most `limit` entries.
    pub fn attention(&self, scope: &Scope, limit: u32) -> Result<Vec<AttentionEntry>, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM attention LEFT JOIN payments ON payments.id = payment
             WHERE attention.workspace = ?1 AND attention.provider = ?2 AND attention.mode = ?3
                 AND closed_at IS NULL
             ORDER BY attention.id LIMIT ?4"
        ))?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), limit];
        let rows = statement.query_map(of_scope, read)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// What needed a person in a scope and is closed, the last closed first, at most `limit` entries.
    pub fn closed_attention(
        &self,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<ClosedAttention>, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS}, closed_at, closed_by, note
             FROM attention LEFT JOIN payments ON payments.id = payment
             WHERE attention.workspace = ?1 AND attention.provider = ?2 AND attention.mode = ?3
                 AND closed_at IS NOT NULL
             ORDER BY closed_at DESC LIMIT ?4"
        ))?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), limit];
        let rows = statement.query_map(of_scope, |row| {
            let (at, by, note) = (row.get(11)?, row.get(12)?, row.get(13)?);
            Ok(read(row)?.map(|entry| ClosedAttention { entry, at, by, note }))
        })?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// What needs a person in all workspaces and both modes, with a higher number than `after`.
    pub fn attention_after(
        &self,
        provider: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AttentionEntry>, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM attention LEFT JOIN payments ON payments.id = payment
             WHERE attention.provider = ?1 AND attention.id > ?2 AND closed_at IS NULL
             ORDER BY attention.id LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![provider, after, limit], read)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// How many entries are open, in all workspaces and both modes.
    pub fn attention_count(&self, provider: &str) -> Result<u64, LedgerError> {
        let sql = "SELECT count(*) FROM attention WHERE provider = ?1 AND closed_at IS NULL";
        Ok(self.connection.prepare_cached(sql)?.query_row([provider], |row| row.get(0))?)
    }

    /// Records that something other than a payment needs a person.
    pub fn raise_attention(
        &mut self,
        scope: &Scope,
        code: AttentionCode,
        subject: &str,
        details: AttentionDetails,
        now: u64,
    ) -> Result<(), LedgerError> {
        let new = NewAttention { code, subject, payment: None, details };
        raise(&self.connection, scope, &new, now)
    }

    /// Records that this does not need a person any more.
    pub fn settle_attention(
        &mut self,
        scope: &Scope,
        code: AttentionCode,
        subject: &str,
        now: u64,
    ) -> Result<(), LedgerError> {
        settle(&self.connection, scope, code, subject, None, now)
    }

    /// Closes an entry of a workspace, with what a person has noted.
    pub fn resolve_attention(
        &mut self,
        workspace: &str,
        provider: &str,
        id: u64,
        note: &str,
        now: u64,
    ) -> Result<AttentionClosed, LedgerError> {
        let closed = self
            .connection
            .prepare_cached(
                "UPDATE attention SET closed_at = ?4, closed_by = 'resolved', note = ?5
             WHERE id = ?3 AND workspace = ?1 AND provider = ?2 AND closed_at IS NULL",
            )?
            .execute(params![workspace, provider, id, now, note])?;
        Ok(if closed == 1 { AttentionClosed::Done } else { AttentionClosed::Unknown })
    }

    /// Accepts the money that an entry is about: an open payment is approved with what has arrived.
    pub fn accept_attention(
        &mut self,
        workspace: &str,
        provider: &str,
        id: u64,
        now: u64,
    ) -> Result<AttentionClosed, LedgerError> {
        let transaction = self.write()?;
        let entry: Option<(String, String, Option<i64>)> = transaction
            .prepare_cached(
                "SELECT code, mode, payment FROM attention
                 WHERE id = ?3 AND workspace = ?1 AND provider = ?2 AND closed_at IS NULL",
            )?
            .query_row(params![workspace, provider, id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((code, mode, payment)) = entry else { return Ok(AttentionClosed::Unknown) };
        let is_acceptable = AttentionCode::parse(&code).is_some_and(AttentionCode::is_acceptable);
        let stored = match payment {
            Some(row_id) if is_acceptable => find_by_row_id(&transaction, row_id)?,
            _ => None,
        };
        let Some((stored, mode)) = stored.zip(Mode::parse(&mode)) else {
            return Ok(AttentionClosed::NotAcceptable);
        };
        transaction
            .prepare_cached(
                "UPDATE attention SET closed_at = ?2, closed_by = 'accepted' WHERE id = ?1",
            )?
            .execute(params![id, now])?;
        let (workspace, provider) = (workspace.to_owned(), provider.to_owned());
        let scope = Scope { workspace, provider, mode };
        update_payment(&transaction, &scope, &stored, News::Accepted, now)?;
        transaction.commit()?;
        Ok(AttentionClosed::Done)
    }
}
