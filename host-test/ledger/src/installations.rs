//! Installations in the ledger. Credentials and what the plugin wants back are stored sealed.

use rusqlite::{OptionalExtension as _, Row, params};

use super::attention::{AttentionCode, settle};
use super::components::Component;
use super::delivery_summary::scope_of;
use super::unread_outputs::raise_unread_outputs;
use super::{Ledger, LedgerError};
use crate::types::Mode;

/// How far an installation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallationState {
    /// `install` was called and its result is not stored. After a crash it is called again.
    Installing,
    /// The installation can be used.
    Active,
    /// `uninstall` was called and has not succeeded. After a crash it is called again.
    Uninstalling,
    /// The installation has ended and its secrets are destroyed.
    Uninstalled,
}

impl InstallationState {
    const NAMES: [(Self, &str); 4] = [
        (Self::Installing, "installing"),
        (Self::Active, "active"),
        (Self::Uninstalling, "uninstalling"),
        (Self::Uninstalled, "uninstalled"),
    ];

    /// The state, as the ledger spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state)
    }
}

/// An installation as the ledger stores it.
#[derive(Clone)]
pub struct StoredInstallation {
    /// The installation's id, new for every install.
    pub id: String,
    /// The workspace's id.
    pub workspace: String,
    /// The provider's id, such as `ANDES_PAY`.
    pub provider: String,
    /// How far the installation has come.
    pub state: InstallationState,
    /// Whether the merchant created the webhook by hand.
    pub webhook_is_manual: bool,
    /// The credentials, sealed by the vault. None: they are destroyed.
    pub sealed_credentials: Option<Vec<u8>>,
    /// The plugin's `installation` record, sealed by the vault. None: `install` has not succeeded.
    pub sealed_installation: Option<Vec<u8>>,
    /// Test or live. None: an earlier version of this program began the install and did not finish.
    pub mode: Option<Mode>,
    /// Until when an uninstalled installation keeps its secrets at most, because customers can still pay what it
    /// has created, in Unix seconds. None: it has none, or is not uninstalled.
    pub draining_until: Option<u64>,
    /// The component that it belongs to.
    pub component: Component,
    /// Origins besides the manifest's to which it may send its customers.
    pub page_origins: Vec<String>,
}

impl StoredInstallation {
    /// A new installation, without secrets yet.
    #[must_use]
    pub fn installing(id: &str, workspace: &str, provider: &str, component: Component) -> Self {
        Self {
            id: id.to_owned(),
            workspace: workspace.to_owned(),
            provider: provider.to_owned(),
            state: InstallationState::Installing,
            webhook_is_manual: false,
            sealed_credentials: None,
            sealed_installation: None,
            mode: None,
            draining_until: None,
            component,
            page_origins: Vec::new(),
        }
    }

    const COLUMNS: &str = "id, workspace, provider, state, webhook_setup, sealed_credentials,
         sealed_installation, mode, draining_until, component, is_built_in,
         (SELECT group_concat(page_origins.origin, ' ') FROM page_origins
          WHERE page_origins.installation = installations.id)";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(3)?;
        let webhook_setup: String = row.get(4)?;
        let mode: Option<String> = row.get(7)?;
        let page_origins: Option<String> = row.get(11)?;
        Ok(Self {
            id: row.get(0)?,
            workspace: row.get(1)?,
            provider: row.get(2)?,
            // The table's CHECK allows no other name. Uninstalled is the state that does least.
            state: InstallationState::parse(&state).unwrap_or(InstallationState::Uninstalled),
            webhook_is_manual: webhook_setup == "manual",
            sealed_credentials: row.get(5)?,
            sealed_installation: row.get(6)?,
            mode: mode.and_then(|name| Mode::parse(&name)),
            draining_until: row.get(8)?,
            component: Component { sha256: row.get(9)?, is_built_in: row.get(10)? },
            page_origins: page_origins
                .map(|origins| origins.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    }
}

impl Ledger {
    /// The workspace's installation of a provider that is not uninstalled. There is at most one.
    pub fn current_installation(
        &self,
        workspace: &str,
        provider: &str,
    ) -> Result<Option<StoredInstallation>, LedgerError> {
        let sql = format!(
            "SELECT {} FROM installations
             WHERE workspace = ?1 AND provider = ?2 AND state <> 'uninstalled'",
            StoredInstallation::COLUMNS
        );
        let found = self
            .connection
            .prepare_cached(&sql)?
            .query_row([workspace, provider], StoredInstallation::read);
        Ok(found.optional()?)
    }

    /// The mode of the workspace's newest installation of a provider, whatever its state. None: there was
    /// none.
    pub fn latest_mode(
        &self,
        workspace: &str,
        provider: &str,
    ) -> Result<Option<Mode>, LedgerError> {
        let mode: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT mode FROM installations
                 WHERE workspace = ?1 AND provider = ?2 AND mode IS NOT NULL
                 ORDER BY created_at DESC, rowid DESC LIMIT 1",
            )?
            .query_row([workspace, provider], |row| row.get(0))
            .optional()?;
        Ok(mode.and_then(|name| Mode::parse(&name)))
    }

    /// The installation with this id, in any state.
    pub fn installation(&self, id: &str) -> Result<Option<StoredInstallation>, LedgerError> {
        let sql =
            format!("SELECT {} FROM installations WHERE id = ?1", StoredInstallation::COLUMNS);
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row([id], StoredInstallation::read)
            .optional()?)
    }

    /// Stores a new installation before the provider is called. An installation of the same
    /// workspace that is still `installing` is ended.
    pub fn begin_installation(
        &mut self,
        new: &StoredInstallation,
        now: u64,
    ) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction
            .prepare_cached(
                "UPDATE installations
             SET state = 'uninstalled', sealed_credentials = NULL, sealed_installation = NULL,
                 changed_at = ?3
             WHERE workspace = ?1 AND provider = ?2 AND state = 'installing'",
            )?
            .execute(params![new.workspace, new.provider, now])?;
        transaction
            .prepare_cached(
                "INSERT INTO installations
                 (id, workspace, provider, component, state, webhook_setup, sealed_credentials,
                  mode, created_at, changed_at, is_built_in)
             VALUES (?1, ?2, ?3, ?4, 'installing', ?5, ?6, ?7, ?8, ?8, ?9)",
            )?
            .execute(params![
                new.id,
                new.workspace,
                new.provider,
                new.component.sha256,
                if new.webhook_is_manual { "manual" } else { "automatic" },
                new.sealed_credentials,
                new.mode.map(Mode::as_str),
                now,
                new.component.is_built_in
            ])?;
        transaction.commit()
    }

    /// Stores the result of `install` or `repair`, and the credentials that it was made with, over
    /// the values that `read` holds. `false`: somebody else has changed or ended the installation
    /// meanwhile, and nothing was stored.
    pub fn store_installation(
        &mut self,
        read: &StoredInstallation,
        sealed_credentials: &[u8],
        sealed_installation: &[u8],
        mode: Mode,
        account: Option<&str>,
        now: u64,
    ) -> Result<bool, LedgerError> {
        // Sealing the same value twice gives different bytes, so that the bytes serve as a version.
        let stored = self
            .connection
            .prepare_cached(
                "UPDATE installations
             SET state = 'active', sealed_credentials = ?2, sealed_installation = ?3, mode = ?4,
                 account = ?5, changed_at = ?6
             WHERE id = ?1 AND state IN ('installing', 'active')
                 AND sealed_credentials IS ?7 AND sealed_installation IS ?8",
            )?
            .execute(params![
                read.id,
                sealed_credentials,
                sealed_installation,
                mode.as_str(),
                account,
                now,
                read.sealed_credentials,
                read.sealed_installation
            ])?;
        // Other credentials may do what the earlier ones could not.
        self.connection
            .prepare_cached(
                "UPDATE reconciliations
             SET list_at = 0, list_failures = 0, list_problem = NULL, is_listing_permitted = 1,
                 ask_at = 0, ask_failures = 0, ask_problem = NULL
             WHERE workspace = ?1 AND provider = ?2 AND mode = ?3 AND account = coalesce(?4, ?5)",
            )?
            .execute(params![read.workspace, read.provider, mode.as_str(), account, read.id])?;
        Ok(stored == 1)
    }

    /// Marks an installation as `uninstalling` before the provider is called. `false`: it has ended
    /// already.
    pub fn begin_uninstalling(&mut self, id: &str, now: u64) -> Result<bool, LedgerError> {
        let begun = self
            .connection
            .prepare_cached(
                "UPDATE installations SET state = 'uninstalling', changed_at = ?2
             WHERE id = ?1 AND state <> 'uninstalled'",
            )?
            .execute(params![id, now])?;
        Ok(begun == 1)
    }

    /// Takes `begin_uninstalling` back, because the provider has changed nothing.
    pub fn cancel_uninstalling(&mut self, id: &str, now: u64) -> Result<(), LedgerError> {
        self.connection
            .prepare_cached(
                "UPDATE installations
             SET state = iif(sealed_installation IS NULL, 'installing', 'active'), changed_at = ?2
             WHERE id = ?1 AND state = 'uninstalling'",
            )?
            .execute(params![id, now])?;
        Ok(())
    }

    /// Ends an installation, and keeps its secrets until its open payments have ended, at most until a time,
    /// in Unix seconds.
    pub fn begin_draining(&mut self, id: &str, until: u64, now: u64) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        transaction.prepare_cached(
            "UPDATE installations SET state = 'uninstalled', draining_until = ?2, changed_at = ?3
             WHERE id = ?1")?.execute(
            params![id, until, now],
        )?;
        // Each is closed as soon as that is possible.
        transaction
            .prepare_cached(
                "UPDATE payments SET check_at = ?2, check_failures = 0
             WHERE installation = ?1 AND status NOT IN ('approved', 'canceled')",
            )?
            .execute(params![id, now])?;
        transaction.commit()
    }

    /// The provider's id of the account that an installation was made for. None: not known.
    pub fn account_of(&self, id: &str) -> Result<Option<String>, LedgerError> {
        let account = self
            .connection
            .prepare_cached("SELECT account FROM installations WHERE id = ?1")?
            .query_row([id], |row| row.get(0));
        Ok(account.optional()?.flatten())
    }

    /// Destroys an installation's secrets. The row stays, so that a late delivery is recognised.
    pub fn finish_uninstalling(&mut self, id: &str, now: u64) -> Result<(), LedgerError> {
        let transaction = self.write()?;
        if let Some(scope) = scope_of(&transaction, id)? {
            raise_unread_outputs(&transaction, &scope, now)?;
            let account: Option<String> = transaction
                .prepare_cached("SELECT account FROM installations WHERE id = ?1")?
                .query_row([id], |row| row.get(0))?;
            for (code, subject) in [
                (AttentionCode::DeliveriesRefused, id),
                (AttentionCode::AccountCannotCharge, id),
                (AttentionCode::ReconciliationLags, account.as_deref().unwrap_or(id)),
            ] {
                settle(&transaction, &scope, code, subject, None, now)?;
            }
        }
        transaction
            .prepare_cached(
                "UPDATE installations
             SET state = 'uninstalled', sealed_credentials = NULL, sealed_installation = NULL,
                 draining_until = NULL, changed_at = ?2
             WHERE id = ?1",
            )?
            .execute(params![id, now])?;
        transaction
            .prepare_cached("DELETE FROM kept_deliveries WHERE installation = ?1")?
            .execute([id])?;
        transaction.commit()?;
        self.truncate_log();
        Ok(())
    }
}
