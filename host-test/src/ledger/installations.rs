//! Installations in the ledger, and the approvals of their components. Secrets arrive sealed.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Ledger, LedgerError};
use crate::contract::types::{Manifest, Mode};

/// Where an installation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The provider is being asked. A crash may have happened since.
    Installing,
    /// It works.
    Active,
    /// The provider is being told. A crash may have happened since.
    Uninstalling,
    /// It is over; its secrets are destroyed.
    Uninstalled,
}

impl State {
    const ALL: [(Self, &str); 4] = [
        (Self::Installing, "installing"),
        (Self::Active, "active"),
        (Self::Uninstalling, "uninstalling"),
        (Self::Uninstalled, "uninstalled"),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == text).map(|(state, _)| *state)
    }
}

/// An installation.
#[derive(Clone)]
pub struct InstallationRow {
    /// Its id.
    pub id: String,
    /// The workspace.
    pub workspace: String,
    /// The provider's id.
    pub provider: String,
    /// Where it stands.
    pub state: State,
    /// Whether the merchant made the webhook.
    pub webhook_is_manual: bool,
    /// The credentials, sealed. None once they are destroyed.
    pub credentials: Option<Vec<u8>>,
    /// What the plugin wants to be given back, sealed. None until the provider has answered.
    pub record: Option<Vec<u8>>,
    /// Test or live. None: an earlier version began the install and did not finish it.
    pub mode: Option<Mode>,
}

impl InstallationRow {
    const COLUMNS: &str =
        "id, workspace, provider, state, webhook_setup, credentials, record, mode";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(3)?;
        let webhook_setup: String = row.get(4)?;
        let mode: Option<String> = row.get(7)?;
        Ok(Self {
            id: row.get(0)?,
            workspace: row.get(1)?,
            provider: row.get(2)?,
            // The table allows no other word; one that came in all the same is the safest state.
            state: State::parse(&state).unwrap_or(State::Uninstalled),
            webhook_is_manual: webhook_setup == "manual",
            credentials: row.get(5)?,
            record: row.get(6)?,
            mode: mode.and_then(|word| {
                [Mode::Test, Mode::Live].into_iter().find(|mode| mode.as_str() == word)
            }),
        })
    }
}

/// The word of a mode.
pub(super) fn mode_word(mode: Mode) -> &'static str {
    mode.as_str()
}

impl Ledger {
    /// The id of a workspace, by its name in this ledger. It is made once, and random: two ledgers
    /// that serve the same merchant must not take each other's payments for their own.
    pub fn workspace_id(&mut self, name: &str) -> Result<String, LedgerError> {
        let new = uuid::Uuid::new_v4().simple().to_string();
        let transaction = self.write()?;
        transaction
            .execute("INSERT OR IGNORE INTO workspaces (name, id) VALUES (?1, ?2)", [name, &new])?;
        let id =
            transaction
                .query_row("SELECT id FROM workspaces WHERE name = ?1", [name], |row| row.get(0))?;
        transaction.commit()?;
        Ok(id)
    }

    /// The workspace's installation of a provider, if it has one that is not over.
    pub fn installation_of(
        &self,
        workspace: &str,
        provider: &str,
    ) -> Result<Option<InstallationRow>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM installations
             WHERE workspace = ?1 AND provider = ?2 AND state <> 'uninstalled'",
            InstallationRow::COLUMNS
        );
        let row = self.connection.query_row(&sql, [workspace, provider], InstallationRow::read);
        Ok(row.optional()?)
    }

    /// An installation by its id, whatever its state.
    pub fn installation(&self, id: &str) -> Result<Option<InstallationRow>, LedgerError> {
        let sql = format!("SELECT {} FROM installations WHERE id = ?1", InstallationRow::COLUMNS);
        Ok(self.connection.query_row(&sql, [id], InstallationRow::read).optional()?)
    }

    /// Writes an installation down before the provider is asked. One that never got further makes
    /// way.
    pub fn begin_installation(
        &mut self,
        new: &InstallationRow,
        component: &str,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE installations
             SET state = 'uninstalled', credentials = NULL, record = NULL, changed_at = ?3
             WHERE workspace = ?1 AND provider = ?2 AND state = 'installing'",
            params![new.workspace, new.provider, now],
        )?;
        transaction.execute(
            "INSERT INTO installations
                 (id, workspace, provider, component, state, webhook_setup, credentials,
                  mode, created_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, 'installing', ?5, ?6, ?7, ?8, ?8)",
            params![
                new.id,
                new.workspace,
                new.provider,
                component,
                if new.webhook_is_manual { "manual" } else { "automatic" },
                new.credentials,
                new.mode.map(mode_word),
                now
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// Stores what the plugin wants to be given back, and the credentials that it was made with, in
    /// the place of what the row was read with. False: the installation is over by now, or somebody
    /// else has changed it, and nothing was stored.
    pub fn store_installation(
        &mut self,
        read: &InstallationRow,
        credentials: &[u8],
        record: &[u8],
        mode: Mode,
        account: Option<&str>,
        now: u64,
    ) -> Result<bool, LedgerError> {
        // What is sealed is never the same twice, so it is its own version.
        let stored = self.connection.execute(
            "UPDATE installations
             SET state = 'active', credentials = ?2, record = ?3, mode = ?4, account = ?5,
                 changed_at = ?6
             WHERE id = ?1 AND state IN ('installing', 'active')
                 AND credentials IS ?7 AND record IS ?8",
            params![
                read.id,
                credentials,
                record,
                mode_word(mode),
                account,
                now,
                read.credentials,
                read.record
            ],
        )?;
        Ok(stored == 1)
    }

    /// Says that the provider is being told. False: the installation is over by now.
    pub fn begin_uninstalling(&mut self, id: &str, now: u64) -> Result<bool, LedgerError> {
        let begun = self.connection.execute(
            "UPDATE installations SET state = 'uninstalling', changed_at = ?2
             WHERE id = ?1 AND state <> 'uninstalled'",
            params![id, now],
        )?;
        Ok(begun == 1)
    }

    /// The provider was not told: the installation goes on.
    pub fn cancel_uninstalling(&mut self, id: &str, now: u64) -> Result<(), LedgerError> {
        self.connection.execute(
            "UPDATE installations
             SET state = iif(record IS NULL, 'installing', 'active'), changed_at = ?2
             WHERE id = ?1 AND state = 'uninstalling'",
            params![id, now],
        )?;
        Ok(())
    }

    /// Destroys an installation's secrets and leaves its tombstone.
    pub fn finish_uninstalling(&mut self, id: &str, now: u64) -> Result<(), LedgerError> {
        self.connection.execute(
            "UPDATE installations
             SET state = 'uninstalled', credentials = NULL, record = NULL, changed_at = ?2
             WHERE id = ?1",
            params![id, now],
        )?;
        // What was overwritten must not stay readable in the log beside the file.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Whether the operator has approved all that a component's manifest asks for.
    pub fn is_approved(&self, component: &str, manifest: &Manifest) -> Result<bool, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM approvals WHERE component = ?1 AND origin = ?2 AND authorization = ?3",
        )?;
        for (subject, what) in manifest.approvals() {
            if !statement.exists(params![component, subject, what])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Approves all that a component's manifest asks for.
    pub fn approve(
        &mut self,
        component: &str,
        manifest: &Manifest,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        for (subject, what) in manifest.approvals() {
            transaction.execute(
                "INSERT OR IGNORE INTO approvals (component, origin, authorization, approved_at)
                 VALUES (?1, ?2, ?3, ?4)",
                params![component, subject, what, now],
            )?;
        }
        Ok(transaction.commit()?)
    }
}
