//! Calls: each has its own store, a fresh instance and a time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument as _;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use super::engine;
use super::error::CallError;
use super::measured::Measures;
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

/// An instance that has served calls, in its store.
type Kept = (Store<CallState>, PaymentPlugin);

/// A linked component.
#[derive(Clone)]
pub struct Caller {
    pub(super) pre: PaymentPluginPre<CallState>,
    /// The instance that serves every call. None: each call has a fresh one.
    pub(super) kept: Option<Arc<Mutex<Option<Kept>>>>,
    /// What each call has used. None: nobody asks.
    pub(super) measures: Option<Arc<Measures>>,
    /// Called with each store after its call.
    #[cfg(test)]
    pub(super) observer: Option<super::memory_tests::Observer>,
}

impl Caller {
    /// Links a component. It is done once, because linking costs more than a call. `measures`: told what each call has
    /// used.
    pub fn link(
        engine: &Engine,
        component: &Component,
        measures: Option<Arc<Measures>>,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        PaymentPlugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        Ok(Self {
            pre: PaymentPluginPre::new(linker.instantiate_pre(component)?)?,
            kept: None,
            measures,
            #[cfg(test)]
            observer: None,
        })
    }

    /// `describe` of the contract.
    pub async fn describe(&self, context: Context) -> Result<Manifest, CallError> {
        self.call("describe", Egress::none(), context, async |store, plugin| {
            plugin.brain_studio_payments_payment_provider().call_describe(store).await
        })
        .await
    }

    /// Runs `work` in a fresh instance, unless one is kept. After the time limit the store is dropped with the
    /// instance. `function`: its name, with underscores, for the trace.
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
        let mut kept = match &self.kept {
            Some(kept) => Some(kept.lock().await),
            None => None,
        };
        let (mut store, instance) = match kept.as_mut().and_then(|kept| kept.take()) {
            Some((mut store, instance)) => {
                store.data_mut().restart(egress, until);
                (store, Some(instance))
            }
            None => (engine::store(self.pre.engine(), egress, until), None),
        };
        if self.measures.is_some() {
            // An engine that does not count has no fuel.
            let _ = store.set_fuel(u64::MAX);
        }
        let run = async {
            let plugin = match instance {
                Some(plugin) => plugin,
                None => self.pre.instantiate_async(&mut store).await?,
            };
            let answer = work(&mut store, &plugin).await?;
            Ok((answer, plugin))
        };
        let result = tokio::time::timeout(time, run).await;
        #[cfg(test)]
        if let Some(observer) = &self.observer {
            observer(&mut store);
        }
        if let Some(measures) = &self.measures {
            measures.add(&store);
        }
        match result {
            Ok(Ok((answer, plugin))) => {
                if let Some(kept) = &mut kept {
                    **kept = Some((store, plugin));
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(CallError::from_wasmtime(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }
}
