//! The plugin loader: checks and compiles a component once, and runs each call in a fresh instance.

mod caller;
mod compile_child;
mod compiled_cache;
mod compiled_code;
mod compiler;
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

use crate::clock::Clock;
use crate::contract::types::{
    AttemptSearch, CompletionRequest, Context, EventPage, EventQuery, InstallRequest, Installation,
    Manifest, Payment, PaymentRequest, PaymentSearchResult, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RepairOutcome, StatusReport, StatusRequest, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookRequest,
};
use crate::egress::{Egress, Policy};

use caller::Caller;
pub use compile_child::{MAXIMUM_COMPONENT, compile_for_parent};
pub use compiled_cache::CompiledCache;
pub use compiler::{CompileLimits, Compiler};
pub use error::{CallError, CompileBound, LoadError, origins_invalid};
pub use rules::{Accepted, CredentialRules, RuleError};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A loaded plugin.
#[derive(Clone)]
pub struct Plugin {
    caller: Caller,
    sha256: String,
    manifest: Arc<Manifest>,
    rules: Arc<CredentialRules>,
    clock: Clock,
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

/// The SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// The context of a call that begins at a time, in Unix seconds.
fn context(now: u64, time: Duration) -> Context {
    Context { now, time_limit_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX) }
}

impl Plugin {
    /// Checks and compiles a component, reads its manifest and checks it.
    ///
    /// # Errors
    ///
    /// A [`LoadError`]: what of the contract the component does not fulfil, or why it is not compiled.
    pub async fn load(bytes: &[u8], compiler: &Compiler) -> Result<Self, LoadError> {
        let engine = engine::shared();
        let component = compiler.compile(engine, bytes).await?;
        Self::of_compiled(engine, bytes, &component).await
    }

    /// A plugin whose component is compiled.
    async fn of_compiled(
        engine: &Engine,
        bytes: &[u8],
        component: &Component,
    ) -> Result<Self, LoadError> {
        inspect::check(engine, component)?;
        let caller = Caller::link(engine, component)
            .map_err(|error| LoadError::TypesDiffer(format!("{error:#}")))?;
        let clock = Clock::default();
        let context = context(clock.now(), CALL_TIMEOUT);
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
            sha256: sha256(bytes),
            manifest: Arc::new(manifest),
            rules: Arc::new(rules),
            clock,
        })
    }

    /// The plugin with another clock than the system's.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The context of a call that begins now.
    fn context_now(&self, time: Duration) -> Context {
        context(self.clock.now(), time)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The credential rules of the manifest.
    #[must_use]
    pub fn rules(&self) -> &CredentialRules {
        &self.rules
    }

    /// The SHA-256 of the component, in hexadecimal. Approvals are bound to it.
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
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_install(request))
    }

    /// `repair` of the contract.
    pub async fn repair(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &InstallRequest,
    ) -> Result<Result<RepairOutcome, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_repair(installation, request))
    }

    /// `uninstall` of the contract.
    pub async fn uninstall(
        &self,
        egress: Egress,
        installation: &Installation,
    ) -> Result<Result<(), ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_uninstall(installation))
    }

    /// `report-status` of the contract, ended after `time`.
    pub async fn report_status(
        &self,
        egress: Egress,
        time: Duration,
        installation: &Installation,
        request: &StatusRequest,
    ) -> Result<StatusReport, CallError> {
        call!(self, egress, self.context_now(time), call_report_status(installation, request))
    }

    /// `create-payment` of the contract.
    pub async fn create_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &PaymentRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(
            self,
            egress,
            self.context_now(CALL_TIMEOUT),
            call_create_payment(installation, request)
        )
    }

    /// `find-payment` of the contract.
    pub async fn find_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        search: &AttemptSearch,
    ) -> Result<Result<PaymentSearchResult, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_find_payment(installation, search))
    }

    /// `get-payment` of the contract.
    pub async fn get_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_get_payment(installation, id))
    }

    /// `complete-payment` of the contract.
    pub async fn complete_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &CompletionRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(
            self,
            egress,
            self.context_now(CALL_TIMEOUT),
            call_complete_payment(installation, request)
        )
    }

    /// `cancel-payment` of the contract.
    pub async fn cancel_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_cancel_payment(installation, id))
    }

    /// `refund-payment` of the contract.
    pub async fn refund_payment(
        &self,
        egress: Egress,
        installation: &Installation,
        request: &RefundRequest,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        call!(
            self,
            egress,
            self.context_now(CALL_TIMEOUT),
            call_refund_payment(installation, request)
        )
    }

    /// `find-refund` of the contract.
    pub async fn find_refund(
        &self,
        egress: Egress,
        installation: &Installation,
        search: &RefundSearch,
    ) -> Result<Result<RefundSearchResult, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_find_refund(installation, search))
    }

    /// `get-refund` of the contract.
    pub async fn get_refund(
        &self,
        egress: Egress,
        installation: &Installation,
        id: &str,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_get_refund(installation, id))
    }

    /// `list-events` of the contract.
    pub async fn list_events(
        &self,
        egress: Egress,
        installation: &Installation,
        query: &EventQuery,
    ) -> Result<Result<EventPage, ProviderError>, CallError> {
        call!(self, egress, self.context_now(CALL_TIMEOUT), call_list_events(installation, query))
    }

    /// `identify-webhook` of the contract. It may not send requests.
    pub async fn identify_webhook(
        &self,
        received_at: u64,
        request: &WebhookRequest,
    ) -> Result<WebhookIdentity, CallError> {
        let context = context(received_at, CALL_TIMEOUT);
        let no_egress = Egress::none();
        call!(self, no_egress, context, call_identify_webhook(request))
    }

    /// `handle-webhook` of the contract.
    pub async fn handle_webhook(
        &self,
        egress: Egress,
        received_at: u64,
        installation: &Installation,
        request: &WebhookRequest,
    ) -> Result<Result<WebhookOutcome, WebhookError>, CallError> {
        let context = context(received_at, CALL_TIMEOUT);
        call!(self, egress, context, call_handle_webhook(installation, request))
    }

    /// Times `handle-webhook` many times in one instance, for the benchmark: the difference to a fresh
    /// instance is the cost of instantiation.
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
        let context = context(received_at, CALL_TIMEOUT);
        let mut store = engine::store(pre.engine(), Egress::none());
        let plugin = pre
            .instantiate_async(&mut store)
            .await
            .map_err(|error| CallError::from_wasmtime(&error))?;
        let provider = plugin.brain_studio_payments_payment_provider();
        let mut times = Vec::with_capacity(iterations);
        for _ in 0..iterations {
            store.data_mut().ticks = 0;
            let start = std::time::Instant::now();
            let outcome = provider
                .call_handle_webhook(&mut store, context, installation, request)
                .await
                .map_err(|error| CallError::from_wasmtime(&error))?;
            times.push(start.elapsed());
            drop(outcome);
        }
        Ok(times)
    }
}
