//! The handle of an installation: everything that a use case needs to call its plugin.

use std::sync::Arc;
use std::time::Duration;

use super::access::Access;
use super::{Error, Marketplace, OpenedInstallation};
use crate::contract::types::{
    AttemptSearch, CompletionRequest, EventPage, EventQuery, Installation, Mode, Payment,
    PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest, RefundSearch,
    RefundSearchResult, StatusReport, StatusRequest,
};
use crate::egress::Meter;
use crate::plugin::{Call, CallError, Plugin};
use ledger::Scope;

/// The result of a call: the plugin's, or why the call itself failed.
type Called<T> = Result<Result<T, ProviderError>, CallError>;

/// An installation whose plugin may be called.
#[derive(Clone)]
pub(super) struct Handle {
    plugin: Plugin,
    access: Access,
    /// Counts the reads of the background. None: a flow or a person calls.
    meter: Option<Arc<Meter>>,
    pub installation: Installation,
    /// Where the ledger keeps its payments.
    pub scope: Scope,
}

impl Marketplace {
    /// The handle of the workspace's active installation.
    pub(super) async fn active_handle(&self) -> Result<Handle, Error> {
        self.handle(self.active_installation().await?)
    }

    /// The handle of an opened installation. Refused unless it belongs to this component.
    pub(super) fn handle(&self, opened: OpenedInstallation) -> Result<Handle, Error> {
        let OpenedInstallation { stored, installation, credentials } = opened;
        Ok(Handle {
            plugin: self.plugin.clone(),
            access: self.access(&stored, &credentials, installation.mode)?,
            meter: None,
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

    /// The handle for the background: its reads are counted, and repeated as the manifest's rules say.
    pub fn in_background(mut self, meter: &Arc<Meter>) -> Self {
        self.meter = Some(Arc::clone(meter));
        self
    }

    /// One call.
    pub fn call(&self) -> Call {
        let mut call = self.access.call();
        if let Some(meter) = &self.meter {
            call.egress = call.egress.in_background(Arc::clone(meter));
        }
        call
    }

    pub async fn create_payment(&self, request: &PaymentRequest) -> Called<Payment> {
        self.plugin.create_payment(self.call(), &self.installation, request).await
    }

    pub async fn find_payment(&self, search: &AttemptSearch) -> Called<PaymentSearchResult> {
        self.plugin.find_payment(self.call(), &self.installation, search).await
    }

    pub async fn get_payment(&self, id: &str) -> Called<Payment> {
        self.plugin.get_payment(self.call(), &self.installation, id).await
    }

    pub async fn complete_payment(&self, request: &CompletionRequest) -> Called<Payment> {
        self.plugin.complete_payment(self.call(), &self.installation, request).await
    }

    pub async fn cancel_payment(&self, id: &str) -> Called<Payment> {
        self.plugin.cancel_payment(self.call(), &self.installation, id).await
    }

    pub async fn refund_payment(&self, request: &RefundRequest) -> Called<Refund> {
        self.plugin.refund_payment(self.call(), &self.installation, request).await
    }

    pub async fn find_refund(&self, search: &RefundSearch) -> Called<RefundSearchResult> {
        self.plugin.find_refund(self.call(), &self.installation, search).await
    }

    pub async fn list_events(&self, query: &EventQuery) -> Called<EventPage> {
        self.plugin.list_events(self.call(), &self.installation, query).await
    }

    pub async fn report_status(
        &self,
        time: Duration,
        request: &StatusRequest,
    ) -> Result<StatusReport, CallError> {
        self.plugin.report_status(self.call(), time, &self.installation, request).await
    }

    pub async fn uninstall(&self) -> Called<()> {
        self.plugin.uninstall(self.call(), &self.installation).await
    }
}
