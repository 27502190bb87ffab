//! Calls: each has its own store, a fresh instance and a time limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument as _;
use wasmtime::component::{Component, HasSelf, Instance, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::engine;
use super::error::CallError;
use super::functions::Functions;
use super::state::CallState;
use crate::contract::PaymentPlugin;
use crate::contract::types::{Context, Manifest};
use crate::egress::Egress;
use crate::fair_places::{Owner, Place};
use crate::resources::Resources;
use crate::trace;

/// How much time a plugin has after the deadline of its requests. Source: the contract.
const TIME_AFTER_REQUESTS: Duration = Duration::from_secs(1);

/// How long a call waits for a place. Our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An instance that has served calls, and may serve more.
struct Kept {
    store: Store<CallState>,
    instance: Instance,
    /// Its place in the pool. It is free again after the instance is.
    place: Place,
}

impl Kept {
    /// It serves a call of this owner next. Returns whether the owner may have the place and the memory at once.
    fn pass_to(&mut self, owner: &Owner) -> bool {
        self.place.pass_to(owner) && self.store.data_mut().pass_to(owner)
    }
}

/// A linked component.
#[derive(Clone)]
pub struct Caller {
    pub(super) pre: InstancePre<CallState>,
    pub(super) functions: Functions,
    /// The instance that serves every call. None: each call has a fresh one.
    pub(super) kept: Option<Arc<KeptInstance>>,
    /// Called with each store after its call.
    pub(super) observer: Option<Observer>,
    /// How many instances were made.
    pub(super) instances: Arc<AtomicU64>,
}

/// One instance for several calls, once there is one.
#[derive(Default)]
pub(super) struct KeptInstance(Mutex<Option<Kept>>);

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
        let pre = linker.instantiate_pre(component)?;
        let functions = Functions::of(component);
        Ok(Self { pre, functions, kept: None, observer, instances: Arc::default() })
    }

    /// `describe` of the contract. It fails unless all functions of the component have the contract's types.
    pub async fn describe(&self, context: Context) -> Result<Manifest, CallError> {
        self.call("describe", Egress::none(), context, async |store, instance| {
            let plugin = PaymentPlugin::new(&mut *store, instance)?;
            plugin.brain_studio_payments_payment_provider().call_describe(store).await
        })
        .await
    }

    /// Runs `work` in a fresh instance, unless one is kept. After the time limit the store is dropped with the
    /// instance. `function`: its name in the contract, for the trace.
    pub async fn call<R: 'static>(
        &self,
        function: &'static str,
        egress: Egress,
        context: Context,
        work: impl AsyncFnOnce(&mut Store<CallState>, &Instance) -> wasmtime::Result<R>,
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
        work: impl AsyncFnOnce(&mut Store<CallState>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        let owner = egress.owner();
        let mut kept = match &self.kept {
            Some(kept) => Some(kept.0.lock().await),
            None => None,
        };
        let going_on = kept.as_mut().and_then(|kept| kept.take());
        let going_on = going_on.and_then(|mut kept| kept.pass_to(&owner).then_some(kept));
        let (place, going_on) = match going_on {
            Some(Kept { store, instance, place }) => (place, Some((store, instance))),
            None => (place_of(&owner).await?, None),
        };
        let time = Duration::from_millis(context.time_limit_ms.into());
        let until = Instant::now() + time;
        let egress = egress.until(until - TIME_AFTER_REQUESTS.min(time));
        let (mut store, instance) = match going_on {
            Some((mut store, instance)) => {
                store.data_mut().restart(egress, until);
                (store, Some(instance))
            }
            None => (engine::store(self.pre.engine(), egress, until), None),
        };
        if self.observer.is_some() {
            // An engine that does not count has no fuel.
            let _ = store.set_fuel(u64::MAX);
        }
        let run = async {
            let instance = if let Some(instance) = instance {
                instance
            } else {
                self.instances.fetch_add(1, Ordering::Relaxed);
                self.pre.instantiate_async(&mut store).await?
            };
            let answer = work(&mut store, &instance).await?;
            Ok((answer, instance))
        };
        let result = tokio::time::timeout(time, run).await;
        if let Some(observer) = &self.observer {
            observer(&mut store);
        }
        match result {
            Ok(Ok((answer, instance))) => {
                if let Some(kept) = &mut kept {
                    **kept = Some(Kept { store, instance, place });
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(CallError::from_wasmtime(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }
}

/// A place in the pool of instances: without one the pool would refuse the instance.
async fn place_of(owner: &Owner) -> Result<Place, CallError> {
    let places = &Resources::shared().places;
    places.acquire(owner, Instant::now() + LONGEST_WAIT).await.map_err(CallError::NoPlace)
}
