//! Calls: each has its own store, a fresh instance and a time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use super::engine;
use super::error::CallError;
use super::state::CallState;
use crate::contract::types::{Context, Manifest};
use crate::contract::{PaymentPlugin, PaymentPluginPre};
use crate::egress::Egress;
use crate::resources::Resources;
use crate::trace;

/// How much time a plugin has after the deadline of its requests. Source: the contract.
const TIME_AFTER_REQUESTS: Duration = Duration::from_secs(1);

/// How long a call waits for a place. Our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A linked component.
#[derive(Clone)]
pub struct Caller {
    pub(super) pre: PaymentPluginPre<CallState>,
    /// Called with each store after its call.
    observer: Option<Observer>,
}

/// Looks at the store of a call before it is dropped.
pub type Observer = Arc<dyn Fn(&mut Store<CallState>) + Send + Sync>;

impl Caller {
    /// Links a component. It is done once, because linking costs more than a call.
    pub fn link(
        engine: &Engine,
        component: &Component,
        observer: Option<Observer>,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        PaymentPlugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        Ok(Self { pre: PaymentPluginPre::new(linker.instantiate_pre(component)?)?, observer })
    }

    /// `describe` of the contract.
    pub async fn describe(&self, context: Context) -> Result<Manifest, CallError> {
        self.call("describe", Egress::none(), context, async |store, plugin| {
            plugin.brain_studio_payments_payment_provider().call_describe(store).await
        })
        .await
    }

    /// Runs `work` in a fresh instance. After the time limit the store is dropped with the instance. `function`: its
    /// name in the contract, for the trace.
    pub async fn call<R: 'static>(
        &self,
        function: &'static str,
        egress: Egress,
        context: Context,
        work: impl AsyncFnOnce(&mut Store<CallState>, &PaymentPlugin) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        let begun = Instant::now();
        let called = self.run(egress, context, work).instrument(trace::call(function)).await;
        trace::called(function, begun.elapsed(), called.as_ref().err());
        called
    }

    async fn run<R: 'static>(
        &self,
        egress: Egress,
        context: Context,
        work: impl AsyncFnOnce(&mut Store<CallState>, &PaymentPlugin) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        // Without a place the pool would refuse the instance.
        let places = &Resources::shared().places;
        let place = places.acquire(&egress.owner(), Instant::now() + LONGEST_WAIT).await;
        let _place = place.map_err(CallError::NoPlace)?;
        let time = Duration::from_millis(context.time_limit_ms.into());
        let until = Instant::now() + time;
        let egress = egress.until(until - TIME_AFTER_REQUESTS.min(time));
        let mut store = engine::store(self.pre.engine(), egress, until);
        if self.observer.is_some() {
            // An engine that does not count has no fuel.
            let _ = store.set_fuel(u64::MAX);
        }
        let run = async {
            let plugin = self.pre.instantiate_async(&mut store).await?;
            work(&mut store, &plugin).await
        };
        let result = tokio::time::timeout(time, run).await;
        if let Some(observer) = &self.observer {
            observer(&mut store);
        }
        match result {
            Ok(result) => result.map_err(|error| CallError::from_wasmtime(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }
}
