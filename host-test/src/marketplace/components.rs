//! Which component may be used, and for which installation. What an operator has not approved is described, and
//! nothing else is called.

use super::{Error, Marketplace, Review};
use crate::contract::types::Mode;
use crate::egress::unusual_ports;
use crate::plugin::Plugin;
use crate::telemetry::SecurityEvent;
use ledger::{
    Approval, Component, InstalledComponent, LedgerError, SharedLedger, StoredInstallation,
};

/// Which installations an approved component takes over from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// Those of every workspace.
    All,
    /// The one of this workspace.
    Workspace,
}

/// Whether a component may be used for the installations of another one.
pub(super) fn serves(own: &Component, other: &Component) -> bool {
    // Two versions of the host may run side by side: what is built in is trusted in both.
    own == other || (own.is_built_in && other.is_built_in)
}

impl Marketplace {
    /// The component, as the ledger names it.
    pub(super) fn component(&self) -> Component {
        Component {
            sha256: self.plugin.sha256().to_owned(),
            is_built_in: self.plugin.is_built_in(),
        }
    }

    /// Gives the installations of earlier versions of the built-in component to this one.
    pub(super) fn move_built_in(
        plugin: &Plugin,
        ledger: &SharedLedger,
        now: u64,
    ) -> Result<(), Error> {
        let (provider, sha256) =
            (plugin.manifest().provider_id.clone(), plugin.sha256().to_owned());
        let approvals = plugin.manifest().approvals();
        let component = sha256.clone();
        let moved = ledger.change_alone(move |ledger| {
            let moved = ledger.move_built_in(&provider, &sha256, now)?;
            if moved > 0 {
                ledger.approve(&sha256, &approvals, None, now)?;
            }
            Ok::<_, LedgerError>(moved)
        })?;
        if moved > 0 {
            tracing::info!(moved, component, "installations have a new built-in component");
        }
        Ok(())
    }

    /// Whether the plugin is built in or approved. None: for a mode that is not known yet.
    pub(super) fn is_approved(&self, mode: Option<Mode>) -> Result<bool, Error> {
        if self.plugin.is_built_in() {
            return Ok(true);
        }
        let approvals = self.plugin.manifest().approvals();
        let approval = self.read_now(|ledger| ledger.approval(self.plugin.sha256(), &approvals))?;
        Ok(match approval {
            Approval::Full => true,
            // Without `--dev` it is a component like any other.
            Approval::TestMode => self.is_development && mode != Some(Mode::Live),
            Approval::None => false,
        })
    }

    /// Refused unless the plugin is built in or approved. None: for a mode that is not known yet.
    ///
    /// # Errors
    ///
    /// It is not approved, not in this mode, or the ledger fails.
    pub fn check_approval(&self, mode: Option<Mode>) -> Result<(), Error> {
        if self.is_approved(mode)? {
            return Ok(());
        }
        let what = format_args!("the component {} was not used", self.plugin.sha256());
        self.telemetry.security(SecurityEvent::NotApproved, "", what);
        Err(self.not_approved())
    }

    pub(super) fn not_approved(&self) -> Error {
        Error::ComponentNotApproved(self.plugin.manifest().approvals())
    }

    /// Refused unless the installation belongs to this component.
    pub(super) fn check_belongs(&self, stored: &StoredInstallation) -> Result<(), Error> {
        let (own, other) = (self.component(), &stored.component);
        if !serves(&own, other) {
            let what = format_args!(
                "it belongs to another component than {}: it was not used",
                own.sha256
            );
            self.telemetry.security(SecurityEvent::ComponentDiffers, &stored.id, what);
            let own_is_built_in = own.is_built_in;
            return Err(Error::ComponentDiffers { installed: other.clone(), own_is_built_in });
        }
        Ok(())
    }

    /// Refused if installations of the provider belong to another component. `mode`: only those of this mode count.
    pub(super) async fn check_no_others(&self, mode: Option<Mode>) -> Result<(), Error> {
        let (provider, own) = (self.provider_id().to_owned(), self.component());
        let installed =
            self.read(move |ledger| ledger.installed_components(&provider, None)).await?;
        let is_other = |other: &&InstalledComponent| {
            !serves(&own, &other.component)
                && mode.is_none_or(|mode| other.mode.map(Mode::from) == Some(mode))
        };
        match installed.iter().find(is_other) {
            None => Ok(()),
            Some(other) => Err(Error::ComponentDiffers {
                installed: other.component.clone(),
                own_is_built_in: own.is_built_in,
            }),
        }
    }

    /// The providers of all installations that hold secrets.
    pub(super) async fn installed_providers(&self) -> Result<Vec<String>, Error> {
        self.read(ledger::Ledger::installed_providers).await
    }

    /// Refused unless the installation belongs to this component, which is built in or approved.
    pub(super) fn check_component(&self, stored: &StoredInstallation) -> Result<(), Error> {
        self.check_belongs(stored)?;
        self.check_approval(stored.mode.map(Mode::from))
    }

    /// Refused unless the plugin may be used in this workspace: before a credential is asked for.
    ///
    /// # Errors
    ///
    /// It is not approved, or the workspace's installation belongs to another component.
    pub async fn check_usable(&self) -> Result<(), Error> {
        match self.current_installation().await? {
            Some(stored) => self.check_component(&stored),
            None => self.check_approval(None),
        }
    }

    /// What an operator has to know before the component may be used.
    ///
    /// # Errors
    ///
    /// The ledger fails.
    pub async fn review(&self, take_over: TakeOver) -> Result<Review, Error> {
        let provider = self.provider_id().to_owned();
        let workspace = self.workspace_of(take_over);
        let (own, approvals) = (self.component(), self.plugin.manifest().approvals());
        let (installed, before, is_approved) = self
            .read(move |ledger| {
                let mut installed = ledger.installed_components(&provider, workspace.as_deref())?;
                installed.retain(|installed| installed.component != own);
                let mut before = Vec::new();
                for other in &installed {
                    before.extend(ledger.approvals(&other.component.sha256)?);
                }
                let approval = ledger.approval(&own.sha256, &approvals)?;
                Ok((installed, before, approval == Approval::Full))
            })
            .await?;
        let is_approved = is_approved || self.plugin.is_built_in();
        Ok(Review::of(&self.plugin, &installed, &before, is_approved))
    }

    /// Approves the component with these ports besides 443, and gives it the installations of its provider. Returns
    /// how many belonged to another one. The ports need not be stored: those that a component uses never change.
    ///
    /// # Errors
    ///
    /// It uses another port, or the ledger fails.
    pub async fn approve(&self, take_over: TakeOver, ports: &[u16]) -> Result<usize, Error> {
        let mut others = unusual_ports(self.plugin.manifest());
        others.retain(|port| !ports.contains(port));
        if !others.is_empty() {
            return Err(Error::PortsNotApproved(others));
        }
        let (own, provider) = (self.component(), self.provider_id().to_owned());
        let (approvals, reads) = (self.plugin.manifest().approvals(), self.reads());
        let workspace = self.workspace_of(take_over);
        let moved = self
            .change_at(move |ledger, now| {
                ledger.approve(&own.sha256, &approvals, Some(&reads), now)?;
                ledger.take_over(&provider, workspace.as_deref(), &own, now)
            })
            .await?;
        let (sha256, provider) = (self.plugin.sha256(), self.provider_id());
        let what =
            format_args!("the component {sha256} of {provider} was approved, {moved} taken over");
        self.telemetry.security(SecurityEvent::Approved, sha256, what);
        Ok(moved)
    }

    /// Approves the component with these ports besides 443, if this is the SHA-256 of its bytes, and gives it the
    /// installations of its provider in every workspace. Returns what was approved, and how many installations belonged to another component.
    ///
    /// # Errors
    ///
    /// The hash is another one, it uses another port, or the ledger fails.
    pub async fn approve_exactly(
        &self,
        sha256: &str,
        ports: &[u16],
    ) -> Result<(Review, usize), Error> {
        let review = self.review(TakeOver::All).await?;
        if !sha256.eq_ignore_ascii_case(&review.sha256) {
            return Err(Error::HashDiffers);
        }
        let moved = self.approve(TakeOver::All, ports).await?;
        Ok((review, moved))
    }

    /// Lets the workspace's installation send its customers to an origin, besides those of the manifest: a
    /// merchant's own domain at the provider.
    ///
    /// # Errors
    ///
    /// It is not the exact form of an `https` origin, nothing is installed, or the ledger fails.
    pub async fn approve_page_origin(&self, origin: &str) -> Result<(), Error> {
        let origin = crate::egress::exact_origin(origin).map_err(Error::PageOriginMalformed)?;
        let stored = self.current_installation().await?.ok_or(Error::NotInstalled)?;
        self.check_component(&stored)?;
        let what = format!("the page's origin {origin} was approved");
        self.telemetry.security(SecurityEvent::Approved, &stored.id, what);
        self.change_at(move |ledger, now| ledger.approve_page_origin(&stored.id, &origin, now))
            .await
    }

    fn workspace_of(&self, take_over: TakeOver) -> Option<String> {
        (take_over == TakeOver::Workspace).then(|| self.workspace.clone())
    }
}
