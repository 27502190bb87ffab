//! The plugin loader: a component, checked once, and run in a fresh instance for each call.

mod engine;
mod error;
pub mod inspect;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::{Accessor, Component, HasSelf, Linker};
use wasmtime::{Engine, Store, StoreLimits};

use crate::contract::types::{
    EventPage, InstallRequest, Installation, Manifest, Payment, PaymentRequest, ProviderError,
    Refund, RefundRequest, RepairOutcome, StatusReport, StatusRequest, WebhookError, WebhookHint,
    WebhookOutcome, WebhookRequest,
};
use crate::contract::{PaymentPlugin, PaymentPluginPre, http};
use crate::egress::Egress;

pub use error::{CallError, LoadError};

/// How long a call that may reach the provider takes at most.
const CALL_TIME: Duration = Duration::from_secs(30);

/// What a store holds besides the instance.
struct CallState {
    egress: Egress,
    limits: StoreLimits,
    /// How many times the ticker has found the guest at work.
    ticks: u32,
}

impl http::Host for CallState {}
impl crate::contract::types::Host for CallState {}

impl<T: Send> http::HostWithStore<T> for HasSelf<CallState> {
    async fn send(
        accessor: &Accessor<T, Self>,
        request: http::Request,
    ) -> Result<http::Response, http::Failure> {
        let egress = accessor.with(|mut access| access.get().egress.clone());
        egress.send(request).await
    }

    async fn send_all(
        accessor: &Accessor<T, Self>,
        requests: Vec<http::Request>,
    ) -> Vec<Result<http::Response, http::Failure>> {
        let egress = accessor.with(|mut access| access.get().egress.clone());
        join_all(requests.into_iter().map(|request| egress.send(request))).await
    }
}

/// A plugin that can be called.
#[derive(Clone)]
pub struct Plugin {
    pre: PaymentPluginPre<CallState>,
    slots: Arc<Semaphore>,
    sha256: String,
    manifest: Arc<Manifest>,
}

/// Calls a function of the contract that may wait for the outside world.
macro_rules! in_fresh_instance {
    ($plugin:ident, $egress:ident, $time:ident, $function:ident($($argument:ident),*)) => {
        $plugin
            .call($egress, $time, async |store, plugin| {
                let provider = plugin.brain_studio_payments_payment_provider();
                store
                    .run_concurrent(async |accessor| {
                        provider.$function(accessor, $($argument),*).await
                    })
                    .await?
            })
            .await
    };
}

impl Plugin {
    /// Checks a component, compiles it and asks it what it is.
    ///
    /// # Errors
    ///
    /// A [`LoadError`] that says which part of the contract is missing.
    pub async fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let engine = engine::shared();
        let component = compile(engine, bytes)?;
        inspect::check(engine, &component)?;
        let pre = link(engine, &component)
            .map_err(|error| LoadError::TypesDiffer(format!("{error:#}")))?;
        let slots = Arc::new(Semaphore::new(engine::INSTANCES));
        let manifest = call(&pre, &slots, Egress::none(), CALL_TIME, async |store, plugin| {
            plugin.brain_studio_payments_payment_provider().call_describe(store).await
        })
        .await
        .map_err(LoadError::Describe)?;
        Ok(Self { pre, slots, sha256: hex(&Sha256::digest(bytes)), manifest: Arc::new(manifest) })
    }

    /// What it is and needs.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What an approval of its origins is bound to: the SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Runs `work` in a fresh instance.
    async fn call<R: 'static>(
        &self,
        egress: Egress,
        time: Duration,
        work: impl AsyncFnOnce(&mut Store<CallState>, &PaymentPlugin) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        call(&self.pre, &self.slots, egress, time, work).await
    }

    /// `install` of the contract.
    pub async fn install(
        &self,
        egress: Egress,
        request: InstallRequest,
    ) -> Result<Result<Installation, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_install(request))
    }

    /// `repair` of the contract.
    pub async fn repair(
        &self,
        egress: Egress,
        installation: Installation,
        request: InstallRequest,
    ) -> Result<Result<RepairOutcome, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_repair(installation, request))
    }

    /// `uninstall` of the contract.
    pub async fn uninstall(
        &self,
        egress: Egress,
        installation: Installation,
    ) -> Result<Result<(), ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_uninstall(installation))
    }

    /// `report-status` of the contract, cut off at the request's time limit.
    pub async fn report_status(
        &self,
        egress: Egress,
        installation: Installation,
        request: StatusRequest,
    ) -> Result<StatusReport, CallError> {
        let time = Duration::from_millis(request.time_limit.into());
        in_fresh_instance!(self, egress, time, call_report_status(installation, request))
    }

    /// `create-payment` of the contract.
    pub async fn create_payment(
        &self,
        egress: Egress,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_create_payment(installation, request))
    }

    /// `get-payment` of the contract.
    pub async fn get_payment(
        &self,
        egress: Egress,
        installation: Installation,
        id: String,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_get_payment(installation, id))
    }

    /// `cancel-payment` of the contract.
    pub async fn cancel_payment(
        &self,
        egress: Egress,
        installation: Installation,
        id: String,
    ) -> Result<Result<Payment, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_cancel_payment(installation, id))
    }

    /// `refund-payment` of the contract.
    pub async fn refund_payment(
        &self,
        egress: Egress,
        installation: Installation,
        request: RefundRequest,
    ) -> Result<Result<Refund, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_refund_payment(installation, request))
    }

    /// `missed-events` of the contract.
    pub async fn missed_events(
        &self,
        egress: Egress,
        installation: Installation,
        since: u64,
        cursor: Option<String>,
    ) -> Result<Result<EventPage, ProviderError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_missed_events(installation, since, cursor))
    }

    /// `peek-webhook` of the contract. It reaches nobody.
    pub async fn peek_webhook(
        &self,
        request: &WebhookRequest,
    ) -> Result<Result<WebhookHint, WebhookError>, CallError> {
        self.call(Egress::none(), CALL_TIME, async |store, plugin| {
            let provider = plugin.brain_studio_payments_payment_provider();
            provider.call_peek_webhook(store, request).await
        })
        .await
    }

    /// `handle-webhook` of the contract.
    pub async fn handle_webhook(
        &self,
        egress: Egress,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<Result<WebhookOutcome, WebhookError>, CallError> {
        in_fresh_instance!(self, egress, CALL_TIME, call_handle_webhook(installation, request))
    }

    /// `handle-webhook` many times in one and the same instance, with the time that each took: what
    /// a fresh instance costs is the difference. For measuring only.
    ///
    /// # Errors
    ///
    /// The first call that fails.
    pub async fn time_warm_webhooks(
        &self,
        installation: &Installation,
        request: &WebhookRequest,
        iterations: usize,
    ) -> Result<Vec<Duration>, CallError> {
        let mut store = engine::store(self.pre.engine(), Egress::none());
        let plugin = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(|error| CallError::of_trap(&error))?;
        let provider = plugin.brain_studio_payments_payment_provider();
        let mut times = Vec::with_capacity(iterations);
        for _ in 0..iterations {
            let (installation, request) = (installation.clone(), request.clone());
            store.data_mut().ticks = 0;
            let start = std::time::Instant::now();
            let outcome = store
                .run_concurrent(async |accessor| {
                    provider.call_handle_webhook(accessor, installation, request).await
                })
                .await
                .and_then(|outcome| outcome)
                .map_err(|error| CallError::of_trap(&error))?;
            times.push(start.elapsed());
            drop(outcome);
        }
        Ok(times)
    }
}

/// The timeout stands around the whole call, and ends it by dropping the store with the instance.
async fn call<R: 'static>(
    pre: &PaymentPluginPre<CallState>,
    slots: &Semaphore,
    egress: Egress,
    time: Duration,
    work: impl AsyncFnOnce(&mut Store<CallState>, &PaymentPlugin) -> wasmtime::Result<R>,
) -> Result<R, CallError> {
    // The pool would refuse what does not fit: wait for a place instead.
    let _slot = slots.acquire().await.map_err(|_| CallError::Stopped)?;
    let mut store = engine::store(pre.engine(), egress);
    let run = async {
        let plugin = pre.instantiate_async(&mut store).await?;
        work(&mut store, &plugin).await
    };
    match tokio::time::timeout(time, run).await {
        Ok(result) => result.map_err(|error| CallError::of_trap(&error)),
        Err(_) => Err(CallError::TimedOut),
    }
}

/// Done once: linking at each call would cost more than the call.
fn link(engine: &Engine, component: &Component) -> wasmtime::Result<PaymentPluginPre<CallState>> {
    let mut linker = Linker::new(engine);
    PaymentPlugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    PaymentPluginPre::new(linker.instantiate_pre(component)?)
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
    // Eight bytes of preamble: the magic, then 1 for a core module and 0x1000d for a component.
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(LoadError::CoreModule);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotAComponent("it is no WebAssembly at all".to_owned()));
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
