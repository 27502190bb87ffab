//! One call: a store of its own, a fresh instance in it, and a time limit around both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use super::state::CallState;
use super::{CallError, engine};
use crate::contract::types::Context;
use crate::contract::{PaymentPlugin, PaymentPluginPre};
use crate::egress::Egress;

/// What a plugin has left to answer with once its last request is over.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// What runs calls: the component, linked, and the places of the pool.
#[derive(Clone)]
pub struct Caller {
    pub(super) pre: PaymentPluginPre<CallState>,
    slots: Arc<Semaphore>,
    /// Looks at each store after its call.
    #[cfg(test)]
    pub(super) observer: Option<super::memory_tests::Observer>,
}

impl Caller {
    /// Links a component. Done once: linking at each call would cost more than the call.
    pub fn link(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        PaymentPlugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        Ok(Self {
            pre: PaymentPluginPre::new(linker.instantiate_pre(component)?)?,
            slots: Arc::new(Semaphore::new(engine::INSTANCES)),
            #[cfg(test)]
            observer: None,
        })
    }

    /// Runs `work` in a fresh instance. The timeout is around the whole call, and ends it by dropping
    /// the store with the instance.
    pub async fn call<R: 'static>(
        &self,
        egress: Egress,
        context: Context,
        work: impl AsyncFnOnce(&mut Store<CallState>, &PaymentPlugin) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        // The pool would refuse what does not fit: wait for a place instead.
        let _slot = self.slots.acquire().await.map_err(|_| CallError::Stopped)?;
        let time = Duration::from_millis(context.time_limit_ms.into());
        let egress = egress.until(Instant::now() + time.saturating_sub(TO_ANSWER));
        let mut store = engine::store(self.pre.engine(), egress);
        let run = async {
            let plugin = self.pre.instantiate_async(&mut store).await?;
            work(&mut store, &plugin).await
        };
        let result = tokio::time::timeout(time, run).await;
        #[cfg(test)]
        if let Some(observer) = &self.observer {
            observer(&mut store);
        }
        match result {
            Ok(result) => result.map_err(|error| CallError::of_trap(&error)),
            Err(_) => Err(CallError::TimedOut),
        }
    }
}
