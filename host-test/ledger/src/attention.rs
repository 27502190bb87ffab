//! Payments that need a person.

use rusqlite::{Connection, params};

use super::payment_state::Attention;
use super::stored_payment::Scope;
use super::{Ledger, LedgerError};

/// Why a payment needs a person, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionEntry {
    /// Why.
    pub attention: Attention,
    /// The payment's reference.
    pub reference: String,
    /// The provider's id of the payment.
    pub payment: Option<String>,
    /// Since when, in Unix seconds.
    pub since: u64,
}

impl Ledger {
    /// The payments of a scope that need a person, the oldest first, at most `limit` of them.
    pub fn attention(&self, scope: &Scope, limit: u32) -> Result<Vec<AttentionEntry>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT code, reference, remote_id, since
             FROM attention JOIN payments ON payments.id = payment
             WHERE attention.workspace = ?1 AND attention.provider = ?2 AND attention.mode = ?3
             ORDER BY attention.id LIMIT ?4",
        )?;
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), limit];
        let rows = statement.query_map(of_scope, |row| {
            let code: String = row.get(0)?;
            Ok(Attention::parse(&code).map(|attention| {
                Ok::<_, rusqlite::Error>(AttentionEntry {
                    attention,
                    reference: row.get(1)?,
                    payment: row.get(2)?,
                    since: row.get(3)?,
                })
            }))
        })?;
        let known = rows.filter_map(Result::transpose).map(Result::flatten);
        Ok(known.collect::<Result<_, _>>()?)
    }
}

pub(super) fn raise_attention(
    connection: &Connection,
    scope: &Scope,
    payment_row_id: i64,
    attention: Attention,
    now: u64,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO attention (workspace, provider, mode, payment, code, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            scope.mode.as_str(),
            payment_row_id,
            attention.as_str(),
            now
        ])?;
    Ok(())
}

pub(super) fn settle_attention(
    connection: &Connection,
    payment_row_id: i64,
    attention: Attention,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached("DELETE FROM attention WHERE payment = ?1 AND code = ?2")?
        .execute(params![payment_row_id, attention.as_str()])?;
    Ok(())
}
