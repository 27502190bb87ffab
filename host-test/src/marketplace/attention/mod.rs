//! What needs a person: listed, accepted, resolved.

mod messages;

use ledger::{AttentionClosed, AttentionEntry, ClosedAttention, Scope};

use super::{Error, Marketplace};
use crate::contract::types::{Mode, Problem};

/// How many entries are read of a mode.
const LIMIT: u32 = 1000;
/// How many closed entries of a mode are read. Our own choice.
const CLOSED_LIMIT: u32 = 50;

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionItem {
    /// Its number.
    pub id: u64,
    /// Test or live.
    pub mode: Mode,
    /// The payment's reference.
    pub reference: Option<String>,
    /// The provider's id of the payment.
    pub payment: Option<String>,
    /// Since when, in Unix seconds.
    pub since: u64,
    /// Until when somebody has to act, in Unix seconds.
    pub due_by: Option<u64>,
    /// What it is, and what to do.
    pub problem: Problem,
}

/// Something that needed a person.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedItem {
    /// What it was.
    pub item: AttentionItem,
    /// When it was closed, in Unix seconds.
    pub at: u64,
    /// `settled` by itself, `accepted` or `resolved` by a person.
    pub by: String,
    /// What the person has noted.
    pub note: Option<String>,
}

impl Marketplace {
    /// What needs a person in the workspace, in both modes, the oldest first.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn attention(&self) -> Result<Vec<AttentionItem>, Error> {
        let scopes = [Mode::Live, Mode::Test].map(|mode| self.scope(&self.workspace, mode));
        let entries = self
            .read(move |ledger| {
                let mut entries = Vec::new();
                for scope in &scopes {
                    entries.extend(ledger.attention(scope, LIMIT)?);
                }
                Ok(entries)
            })
            .await?;
        let mut items: Vec<AttentionItem> =
            entries.into_iter().map(|entry| self.item(entry)).collect();
        items.sort_by_key(|item| item.id);
        Ok(items)
    }

    /// What needed a person in the workspace and is closed, the last closed first, at most 50 of each mode.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn closed_attention(&self) -> Result<Vec<ClosedItem>, Error> {
        let scopes = [Mode::Live, Mode::Test].map(|mode| self.scope(&self.workspace, mode));
        let closed = self
            .read(move |ledger| {
                let mut closed = Vec::new();
                for scope in &scopes {
                    closed.extend(ledger.closed_attention(scope, CLOSED_LIMIT)?);
                }
                Ok(closed)
            })
            .await?;
        let closed = closed.into_iter().map(|ClosedAttention { entry, at, by, note }| ClosedItem {
            item: self.item(entry),
            at,
            by,
            note,
        });
        Ok(closed.collect())
    }

    /// What needs a person in a scope, at most `limit` entries.
    pub(super) async fn attention_of(
        &self,
        scope: Scope,
        limit: u32,
    ) -> Result<Vec<AttentionItem>, Error> {
        let entries = self.read(move |ledger| ledger.attention(&scope, limit)).await?;
        Ok(entries.into_iter().map(|entry| self.item(entry)).collect())
    }

    /// Accepts the money that an entry is about: an open payment is approved with what has arrived.
    ///
    /// # Errors
    ///
    /// There is no such open entry, it is not about money, or the ledger fails.
    pub async fn accept_attention(&self, id: u64) -> Result<(), Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let closed = self
            .change_at(move |ledger, now| ledger.accept_attention(&workspace, &provider, id, now))
            .await?;
        self.changes.send_replace(());
        checked(closed, id)
    }

    /// Closes an entry, with a note of what a person has done.
    ///
    /// # Errors
    ///
    /// There is no such open entry, or the ledger fails.
    pub async fn resolve_attention(&self, id: u64, note: &str) -> Result<(), Error> {
        let (workspace, provider) = (self.workspace.clone(), self.provider_id().to_owned());
        let note = note.to_owned();
        let closed = self
            .change_at(move |ledger, now| {
                ledger.resolve_attention(&workspace, &provider, id, &note, now)
            })
            .await?;
        checked(closed, id)
    }

    fn item(&self, entry: AttentionEntry) -> AttentionItem {
        let provider = &self.plugin().manifest().name;
        AttentionItem {
            id: entry.id,
            mode: entry.mode.into(),
            problem: messages::problem(&entry, provider),
            reference: entry.reference,
            payment: entry.payment,
            since: entry.since,
            due_by: entry.details.due_by,
        }
    }
}

fn checked(closed: AttentionClosed, id: u64) -> Result<(), Error> {
    match closed {
        AttentionClosed::Done => Ok(()),
        AttentionClosed::Unknown => Err(Error::AttentionUnknown(id)),
        AttentionClosed::NotAcceptable => Err(Error::AttentionNotAcceptable(id)),
    }
}
