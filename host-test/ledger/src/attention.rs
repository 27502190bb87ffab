//! What needs a person: a row with a code, what it is about, and since when.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::lookup::find_by_row_id;
use super::payment_state::News;
use super::stored_payment::Scope;
use super::update::update_payment;
use super::{Ledger, LedgerError};
use crate::types::{Mode, Money, Problem};

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
}

impl AttentionCode {
    /// Every code, with its name.
    pub const NAMES: [(Self, &str); 12] = [
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
    ];

    /// Its name, such as `paid-late`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(code, _)| *code == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Option<Self> {
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

    /// Whether it is about money that a person may accept.
    fn is_acceptable(self) -> bool {
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

/// What needs a person from now on.
pub(super) struct NewAttention<'a> {
    pub code: AttentionCode,
    pub subject: &'a str,
    /// The row of the payment.
    pub payment: Option<i64>,
    pub details: AttentionDetails,
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

    /// Whether something with this code needs a person in a scope.
    pub fn needs_attention(&self, scope: &Scope, code: AttentionCode) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM attention
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND code = ?4 AND closed_at IS NULL";
        let of_scope = params![scope.workspace, scope.provider, scope.mode.as_str(), code.as_str()];
        Ok(self.connection.prepare_cached(sql)?.exists(of_scope)?)
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
        let closed = self.connection.execute(
            "UPDATE attention SET closed_at = ?4, closed_by = 'resolved', note = ?5
             WHERE id = ?3 AND workspace = ?1 AND provider = ?2 AND closed_at IS NULL",
            params![workspace, provider, id, now, note],
        )?;
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
            .query_row(
                "SELECT code, mode, payment FROM attention
                 WHERE id = ?3 AND workspace = ?1 AND provider = ?2 AND closed_at IS NULL",
                params![workspace, provider, id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
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
        transaction.execute(
            "UPDATE attention SET closed_at = ?2, closed_by = 'accepted' WHERE id = ?1",
            params![id, now],
        )?;
        let (workspace, provider) = (workspace.to_owned(), provider.to_owned());
        let scope = Scope { workspace, provider, mode };
        update_payment(&transaction, &scope, &stored, News::Accepted, now)?;
        transaction.commit()?;
        Ok(AttentionClosed::Done)
    }
}

/// Records that something needs a person. What a person has closed stays closed. What was settled by itself
/// begins anew.
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
                 AND coalesce(payment, 0) = coalesce(?6, 0) AND closed_by = 'settled'",
        )?
        .execute(params![scope.workspace, scope.provider, mode, code, new.subject, new.payment])?;
    connection
        .prepare_cached(
            "INSERT INTO attention
                 (workspace, provider, mode, code, subject, payment, details, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET details = ?7",
        )?
        .execute(params![
            scope.workspace,
            scope.provider,
            mode,
            code,
            new.subject,
            new.payment,
            serde_json::to_string(&new.details).unwrap_or_default(),
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
