//! The plugin loader: a component, checked once, and run in a fresh instance for each call.

mod caller;
mod engine;
mod error;
pub mod inspect;
#[cfg(test)]
mod memory_tests;
mod rules;
mod state;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::clock::now;
use crate::contract::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use crate::egress::{Egress, Policy};

use caller::Caller;
pub use error::{CallError, LoadError, origins_invalid};
pub use rules::{Accepted, CredentialRules, RuleError};

/// How long a call that may reach the provider takes at most.
const CALL_TIME: Duration = Duration::from_secs(30);

/// A plugin that can be called.
#[derive(Clone)]
pub struct Plugin {
    caller: Caller,
    sha256: String,
    manifest: Arc<Manifest>,
    rules: Arc<CredentialRules>,
}

/// Calls a function of the contract in a fresh instance.
macro_rules! call {
    ($plugin:ident, $egress:ident, $context:expr, $function:ident($($argument:expr),*)) => {{
        let context: Context = $context;
        $plugin
            .caller
            .call($egress, context, async |store, plugin| {
                let provider = plugin.brain_studio_payments_payment_provider();
                provider.$function(store, context, $($argument),*).await
            })
            .await
    }};
}

/// The context of a call that begins now.
fn context_now(time: Duration) -> Context {
    Context { now: now(), time_limit_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX) }
}

impl Plugin {
    /// Checks a component, compiles it, asks it what it is, and checks its manifest.
    ///
    /// # Errors
    ///
    /// A [`LoadError`] that says which part of the contract is missing.
    pub async fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_in(engine::shared(), bytes).await
    }

    async fn load_in(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        let component = compile(engine, bytes)?;
        inspect::check(engine, &component)?;
        let caller = Caller::link(engine, &component)
            .map_err(|error| LoadError::TypesDiffer(format!("{error:#}")))?;
        let context = context_now(CALL_TIME);
        let manifest = caller
            .call(Egress::none(), context, async |store, plugin| {
                plugin.brain_studio_payments_payment_provider().call_describe(store).await
            })
            .await
            .map_err(LoadError::Describe)?;
        let rules = CredentialRules::of(&manifest).map_err(LoadError::Rules)?;
        Policy::new(&manifest, &[]).map_err(LoadError::Origins)?;
        Ok(Self {
            caller,
            sha256: hex(&Sha256::digest(bytes)),
            manifest: Arc::new(manifest),
            rules: Arc::new(rules),
        })
    }

    /// What it is and needs.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What its manifest says of credentials.
    #[must_use]
    pub fn rules(&self) -> &CredentialRules {
        &self.rules
    }

    /// What an approval of its origins is bound to: the SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// `install` of the contract.
    pub async fn install(
        &self,
        egress: Egress,
        request: &InstallRequest,
    ) -> Result<Result<Installation, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_install(request))
    }

    /// `repair` of the contract.
    pub async fn repair(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &InstallRequest,
    ) -> Result<Result<RepairOutcome, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_repair(installation, request))
    }

    /// `uninstall` of the contract.
    pub async fn uninstall(
        &self,
        egress: Egress,
        installation: &Installation,
    ) -> Result<Result<(), ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_uninstall(installation))
    }

    /// `report-status` of the contract, ended after `time`.
    pub async fn report_status(
        &self,
        egress: Egress,
        time: Duration,
        installation: &Installation,
        request: &StatusRequest,
    ) -> Result<StatusReport, CallError> {
        call!(self, egress, context_now(time), call_report_status(installation, request))
    }

    /// `create-payment` of the contract.
    pub async fn create_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &PaymentRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_create_payment(installation, request))
    }

    /// `find-payment` of the contract.
    pub async fn find_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        search: &AttemptSearch,
    ) -> Result<Result<PaymentSearchResult, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_find_payment(installation, search))
    }

    /// `get-payment` of the contract.
    pub async fn get_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_get_payment(installation, id))
    }

    /// `complete-payment` of the contract.
    pub async fn complete_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &CompletionRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_complete_payment(installation, request))
    }

    /// `cancel-payment` of the contract.
    pub async fn cancel_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_cancel_payment(installation, id))
    }

    /// `refund-payment` of the contract.
    pub async fn refund_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &RefundRequest,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_refund_payment(installation, request))
    }

    /// `find-refund` of the contract.
    pub async fn find_refund(
        &self,
        egress: Egress,
        installation: &Installation,
        search: &RefundSearch,
    ) -> Result<Result<RefundSearchResult, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_find_refund(installation, search))
    }

    /// `get-refund` of the contract.
    pub async fn get_refund(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_get_refund(installation, id))
    }

    /// `list-events` of the contract.
    pub async fn list_events(
        &self,
        egress: Egress,
        installation: &Installation,
        query: &EventQuery,
    ) -> Result<Result<EventPage, ProviderError>, CallError> {
        call!(self, egress, context_now(CALL_TIME), call_list_events(installation, query))
    }

    /// `identify-webhook` of the contract. It reaches nobody.
    pub async fn identify_webhook(
        &self,
        received_at: u64,
        request: &WebhookRequest,
    ) -> Result<WebhookIdentity, CallError> {
        let context = Context { now: received_at, ..context_now(CALL_TIME) };
        let nobody = Egress::none();
        call!(self, nobody, context, call_identify_webhook(request))
    }

    /// `handle-webhook` of the contract.
    pub async fn handle_webhook(
        &self,
        egress: Egress,
        received_at: u64,
        installation: &Installation,
        request: &WebhookRequest,
    ) -> Result<Result<WebhookOutcome, WebhookError>, CallError> {
        let context = Context { now: received_at, ..context_now(CALL_TIME) };
        call!(self, egress, context, call_handle_webhook(installation, request))
    }

    /// `handle-webhook` many times in one and the same instance, with the time that each took: what
    /// a fresh instance costs is the difference. For measuring only.
    ///
    /// # Errors
    ///
    /// The first call that fails.
    pub async fn time_warm_webhooks(
        &self,
        received_at: u64,
        installation: &Installation,
        request: &WebhookRequest,
        iterations: usize,
    ) -> Result<Vec<Duration>, CallError> {
        let pre = &self.caller.pre;
        let context = Context { now: received_at, ..context_now(CALL_TIME) };
        let mut store = engine::store(pre.engine(), Egress::none());
        let plugin =
            pre.instantiate_async(&mut store).await.map_err(|error| CallError::of_trap(&error))?;
        let provider = plugin.brain_studio_payments_payment_provider();
        let mut times = Vec::with_capacity(iterations);
        for _ in 0..iterations {
            store.data_mut().ticks = 0;
            let start = std::time::Instant::now();
            let outcome = provider
                .call_handle_webhook(&mut store, context, installation, request)
                .await
                .map_err(|error| CallError::of_trap(&error))?;
            times.push(start.elapsed());
            drop(outcome);
        }
        Ok(times)
    }
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
    // Eight bytes of preamble: the magic, then 1 for a core module and 0x1000d for a component.
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(LoadError::CoreModule);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotAComponent("it is not WebAssembly".to_owned()));
    }
    Component::from_binary(engine, bytes)
        .map_err(|error| LoadError::NotAComponent(format!("{error:#}")))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
