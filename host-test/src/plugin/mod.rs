//! The plugin loader: checks and compiles a component once, and runs each call in a fresh instance.

mod answers;
mod asked;
mod bounds;
mod call;
mod call_memory;
mod caller;
mod calls;
mod compile_child;
mod compiled_cache;
mod compiled_code;
mod compiler;
mod componentize;
mod computing;
mod engine;
mod error;
mod functions;
pub mod inspect;
mod manifest;
#[cfg(test)]
mod memory_tests;
mod meter;
mod rules;
mod signatures;
mod state;
mod usage;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bundled;
use crate::clock::Clock;
use crate::contract::PaymentPlugin;
use crate::contract::types::{Context, Installation, Manifest, WebhookRequest};
use crate::egress::{Egress, Policy};
use crate::telemetry::Telemetry;

pub use bounds::Bound;
pub use call::{Call, Witness};
use caller::{Caller, Observer};
pub use compile_child::{MAXIMUM_COMPONENT, compile_for_parent};
pub use compiled_cache::CompiledCache;
pub use compiler::{CompileLimits, Compiler};
pub use componentize::{ComponentizeError, componentize};
pub use error::{CallError, CompileBound, LoadError, origins_invalid};
use inspect::Inspection;
pub use manifest::ManifestError;
pub use meter::Meter;
pub use rules::{Accepted, CredentialRules, RuleError};
pub use signatures::Signature;
pub use usage::{LastUsage, Usage};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A loaded plugin.
#[derive(Clone)]
pub struct Plugin {
    caller: Caller,
    sha256: String,
    is_built_in: bool,
    inspection: Arc<Inspection>,
    manifest: Arc<Manifest>,
    rules: Arc<CredentialRules>,
    clock: Clock,
    /// How long a call may take.
    time_limit: Duration,
    /// None: nobody counts.
    telemetry: Option<Arc<Telemetry>>,
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
        Self::of_compiled(engine, bytes, &component, None).await
    }

    /// A plugin whose component is compiled. The observer looks at each of its calls.
    async fn of_compiled(
        engine: &Engine,
        bytes: &[u8],
        component: &Component,
        observer: Option<Observer>,
    ) -> Result<Self, LoadError> {
        inspect::check(engine, component)?;
        let caller = Caller::link(engine, component, observer)
            .map_err(|error| LoadError::TypesDiffer(error::shown(&error)))?;
        let clock = Clock::default();
        let context = context(clock.now(), CALL_TIMEOUT);
        let manifest = caller.describe(context).await.map_err(LoadError::Describe)?;
        let is_built_in = bytes == bundled::COMPONENT;
        let manifest = manifest::checked(manifest, is_built_in).map_err(LoadError::Manifest)?;
        let rules = CredentialRules::of(&manifest).map_err(LoadError::Rules)?;
        Policy::new(&manifest, &[]).map_err(LoadError::Origins)?;
        Ok(Self {
            caller,
            sha256: sha256(bytes),
            is_built_in,
            inspection: Arc::new(Inspection::of(engine, component, bytes.len())),
            manifest: Arc::new(manifest),
            rules: Arc::new(rules),
            clock,
            time_limit: CALL_TIMEOUT,
            telemetry: None,
        })
    }

    /// The plugin with another clock than the system's.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The plugin whose calls are counted and measured.
    #[must_use]
    pub fn with_telemetry(self, telemetry: &Arc<Telemetry>) -> Self {
        Self { telemetry: Some(Arc::clone(telemetry)), ..self }
    }

    /// The time by the plugin's clock, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The plugin with another time limit for its calls, for tools that do not wait for a silent provider.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// How long a call may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// The plugin with one instance that serves every call, one after the other, until one fails: a host may do so.
    #[must_use]
    pub fn reusing_one_instance(mut self) -> Self {
        self.caller.kept = Some(Arc::default());
        self
    }

    /// The plugin whose fresh instances are counted.
    #[must_use]
    pub fn counting_instances(mut self, number: &Arc<AtomicU64>) -> Self {
        self.caller.instances = Arc::clone(number);
        self
    }

    /// The plugin whose calls tell what they have used.
    #[must_use]
    pub fn with_usage(mut self, last: &Arc<LastUsage>) -> Self {
        self.caller.observer = Some(last.observer());
        self
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

    /// Whether it is the built-in component, which needs no approval.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// The imports and exports of the component.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// A call that may not send requests, for tools without an installation.
    #[must_use]
    pub fn offline_call(&self) -> Call {
        let pages = Policy::new(&self.manifest, &[]).map(|policy| policy.page_origins().clone());
        // The manifest was checked when it was loaded.
        Call { pages: pages.unwrap_or_default(), ..Egress::none().into() }
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
        let until = Instant::now() + CALL_TIMEOUT;
        let mut store = engine::store(pre.engine(), Egress::none(), until);
        let ended = |error| CallError::from_wasmtime(&error);
        let instance = pre.instantiate_async(&mut store).await.map_err(ended)?;
        let plugin = PaymentPlugin::new(&mut store, &instance).map_err(ended)?;
        let provider = plugin.brain_studio_payments_payment_provider();
        let mut times = Vec::with_capacity(iterations);
        for _ in 0..iterations {
            store.data_mut().computing.restart();
            let start = std::time::Instant::now();
            let outcome = provider
                .call_handle_webhook(&mut store, context, installation, request)
                .await
                .map_err(ended)?;
            times.push(start.elapsed());
            drop(outcome);
        }
        Ok(times)
    }
}
