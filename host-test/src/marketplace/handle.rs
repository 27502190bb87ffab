//! The handle of an installation: everything that a use case needs to call its plugin.

use std::sync::Arc;
use std::time::Duration;

use super::redaction::redacted_problem;
use super::{Error, Marketplace, OpenedInstallation};
use crate::contract::types::{
    AttemptSearch, Check, CompletionRequest, EventPage, EventQuery, Installation, Mode, Payment,
    PaymentRequest, PaymentSearchResult, Problem, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, StatusReport, StatusRequest,
};
use crate::egress::{Credentials, Egress, Gateway, Meter};
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
    /// Counts the reads of the background. None: a flow or a person calls.
    meter: Option<Arc<Meter>>,
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

    /// The problem of an error, without the installation's credentials.
    pub fn problem_of(&self, error: &Error) -> Problem {
        redacted_problem(&self.credentials, error.problem())
    }

    /// A check as a problem with this code, without the installation's credentials.
    pub fn redacted_check(&self, code: &str, check: &Check) -> Problem {
        let steps: Vec<&str> = check.remedy.iter().map(String::as_str).collect();
        redacted_problem(&self.credentials, Problem::new(code, check.message.as_str(), &steps))
    }

    /// The egress of one call: how many requests it may send is counted from 0.
    fn egress(&self) -> Egress {
        let egress = self.gateway.egress(self.mode(), self.credentials.clone());
        match &self.meter {
            Some(meter) => egress.in_background(Arc::clone(meter)),
            None => egress,
        }
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

    pub async fn report_status(
        &self,
        time: Duration,
        request: &StatusRequest,
    ) -> Result<StatusReport, CallError> {
        self.plugin.report_status(self.egress(), time, &self.installation, request).await
    }

    pub async fn uninstall(&self) -> Called<()> {
        self.plugin.uninstall(self.egress(), &self.installation).await
    }
}
