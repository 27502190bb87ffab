//! The functions of the contract in a component: found once, so that a call looks at its own only.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower,
};

use super::inspect::{FUNCTIONS, provider_interface};
use super::state::CallState;

/// Where each function is, by its name with underscores.
///
/// What `bindgen!` makes of a world compares the types of all its functions anew for each instance, which takes as
/// long as making the instance does.
#[derive(Clone)]
pub struct Functions(Arc<HashMap<String, ComponentExportIndex>>);

impl Functions {
    /// Those of a component that was found to export them.
    pub fn of(component: &Component) -> Self {
        let interface = component.get_export_index(None, provider_interface());
        let named = |name: &str| {
            let index = component.get_export_index(interface.as_ref(), name)?;
            Some((name.replace('-', "_"), index))
        };
        Self(Arc::new(FUNCTIONS.into_iter().filter_map(named).collect()))
    }

    /// Calls a function, with its parameters as a tuple.
    pub async fn call<P, R>(
        &self,
        name: &'static str,
        store: &mut Store<CallState>,
        instance: &Instance,
        parameters: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Send + Sync + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let index = self.0.get(name);
        let index = index.ok_or_else(|| wasmtime::format_err!("there is no function {name}"))?;
        let function = instance.get_typed_func::<P, (R,)>(&mut *store, index)?;
        let (answer,) = function.call_async(store, parameters).await?;
        Ok(answer)
    }
}
