//! The handle of an installation: everything that a use case needs to call its plugin.

use super::{Error, Marketplace, OpenedInstallation};
use crate::contract::types::{
    AttemptSearch, CompletionRequest, EventPage, EventQuery, Installation, Mode, Payment,
    PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest, RefundSearch,
    RefundSearchResult,
};
use crate::egress::{Credentials, Egress, Gateway};
use crate::plugin::{CallError, Plugin};
use ledger::Scope;

/// The result of a call: the plugin's, or why the call itself failed.
type Called<T> = Result<Result<T, ProviderError>, CallError>;

/// An installation whose plugin may be called.
#[derive(Clone)]
pub(super) struct Handle {
    plugin: Plugin,
    gateway: Gateway,
    credentials: Credentials,
    pub installation: Installation,
    /// Where the ledger keeps its payments.
    pub scope: Scope,
}

impl Marketplace {
    /// The handle of the workspace's active installation.
    pub(super) async fn active_handle(&self) -> Result<Handle, Error> {
        self.handle(self.active_installation().await?).await
    }

    /// The handle of an opened installation. Refused unless the plugin is built in or approved.
    pub(super) async fn handle(&self, opened: OpenedInstallation) -> Result<Handle, Error> {
        let OpenedInstallation { stored, installation, credentials } = opened;
        self.check_approval().await?;
        Ok(Handle {
            plugin: self.plugin.clone(),
            gateway: self.gateway.clone(),
            credentials,
            scope: self.scope(&stored.workspace, installation.mode),
            installation,
        })
    }
}

impl Handle {
    /// Test or live.
    pub fn mode(&self) -> Mode {
        self.installation.mode
    }

    /// The installation's id.
    pub fn id(&self) -> &str {
        &self.installation.installation_id
    }

    /// The egress of one call: how many requests it may send is counted from 0.
    fn egress(&self) -> Egress {
        self.gateway.egress(self.mode(), self.credentials.clone())
    }

    pub async fn create_payment(&self, request: &PaymentRequest) -> Called<Payment> {
        self.plugin.create_payment(self.egress(), &self.installation, request).await
    }

    pub async fn find_payment(&self, search: &AttemptSearch) -> Called<PaymentSearchResult> {
        self.plugin.find_payment(self.egress(), &self.installation, search).await
    }

    pub async fn get_payment(&self, id: &str) -> Called<Payment> {
        self.plugin.get_payment(self.egress(), &self.installation, id).await
    }

    pub async fn complete_payment(&self, request: &CompletionRequest) -> Called<Payment> {
        self.plugin.complete_payment(self.egress(), &self.installation, request).await
    }

    pub async fn cancel_payment(&self, id: &str) -> Called<Payment> {
        self.plugin.cancel_payment(self.egress(), &self.installation, id).await
    }

    pub async fn refund_payment(&self, request: &RefundRequest) -> Called<Refund> {
        self.plugin.refund_payment(self.egress(), &self.installation, request).await
    }

    pub async fn find_refund(&self, search: &RefundSearch) -> Called<RefundSearchResult> {
        self.plugin.find_refund(self.egress(), &self.installation, search).await
    }

    pub async fn list_events(&self, query: &EventQuery) -> Called<EventPage> {
        self.plugin.list_events(self.egress(), &self.installation, query).await
    }

    pub async fn uninstall(&self) -> Called<()> {
        self.plugin.uninstall(self.egress(), &self.installation).await
    }
}
