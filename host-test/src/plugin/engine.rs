//! The engine, one per process, with a pool of instances and limits for each call.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{
    Config, Enabled, Engine, PoolingAllocationConfig, Store, StoreLimitsBuilder, WasmFeatures,
};

use super::bounds::{
    MAXIMUM_CORE_INSTANCES, MAXIMUM_HANDLES, MAXIMUM_INSTANCE_DATA, MAXIMUM_MEMORIES,
    MAXIMUM_MEMORY, MAXIMUM_PASSED, MAXIMUM_TABLE_ELEMENTS, MAXIMUM_TABLES,
};
use super::call_memory::CallMemory;
use super::computing::Computing;
use super::state::CallState;
use crate::egress::Egress;
use crate::resources::Resources;

/// How many calls may run at the same time.
pub const INSTANCES: usize = 64;
/// The period of the epoch.
const TICK: Duration = Duration::from_millis(10);
/// What of WebAssembly a plugin may use. Everything else is refused: each feature is code of the compiler and of
/// the runtime that a stranger's component could attack, and a new version of wasmtime adds none unseen. These are
/// what the toolchains for Rust, C, Go, JavaScript and Python emit without being asked; memories of 64 bits,
/// threads, exceptions, garbage collection and asynchronous functions are not among them, and relaxed SIMD gives
/// other results on other machines.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::COMPONENT_MODEL)
    // Python's guests are linked dynamically: the offsets of their data are constant expressions.
    .union(WasmFeatures::EXTENDED_CONST)
    // Adapters between two components copy from one memory to another.
    .union(WasmFeatures::MULTI_MEMORY)
    // Functional languages emit it. It needs no more than a jump does.
    .union(WasmFeatures::TAIL_CALL)
    // References to objects of the host, which need a garbage collector.
    .difference(WasmFeatures::GC_TYPES);

/// The engine of this process.
///
/// # Panics
///
/// Never on any input: its configuration is constant.
#[allow(clippy::expect_used)]
pub fn shared() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let engine = Engine::new(&config()).expect("the configuration is constant");
        start_ticker(&engine);
        engine
    })
}

/// Starts a thread that increments the epoch until the engine is dropped.
pub(super) fn start_ticker(engine: &Engine) {
    let weak = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}

/// Whether compiled code counts its instructions. It is several times slower if it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counting {
    /// It does not.
    #[default]
    Nothing,
    /// It does, as wasmtime's fuel.
    Instructions,
}

/// What decides how a component is compiled. Code is compatible only between engines that agree on it.
pub(super) fn compiling(counting: Counting) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(counting == Counting::Instructions)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true);
    config
}

/// The configuration of an engine that runs plugins: compiled code, in a pool of instances.
pub(super) fn config() -> Config {
    let instances = u32::try_from(INSTANCES).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(MAXIMUM_CORE_INSTANCES * instances)
        .total_memories(MAXIMUM_MEMORIES * instances)
        .total_tables(MAXIMUM_TABLES * instances)
        .table_elements(MAXIMUM_TABLE_ELEMENTS)
        // A component that needs more is not loaded.
        .max_core_instances_per_component(MAXIMUM_CORE_INSTANCES)
        .max_memories_per_component(MAXIMUM_MEMORIES)
        .max_memories_per_module(MAXIMUM_MEMORIES)
        .max_tables_per_component(MAXIMUM_TABLES)
        .max_tables_per_module(MAXIMUM_TABLES)
        .max_component_instance_size(MAXIMUM_INSTANCE_DATA)
        .max_core_instance_size(MAXIMUM_INSTANCE_DATA)
        .total_stacks(2 * instances)
        .max_memory_size(MAXIMUM_MEMORY)
        // Clearing the pages of the last call is cheaper than new pages from the kernel. Where the kernel can tell which
        // were written (Linux 6.7 and later), only those are cleared.
        .linear_memory_keep_resident(512 << 10)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(1 << 16);
    let mut config = compiling(Counting::Nothing);
    config.allocation_strategy(pool);
    config
}

/// A store for one call, which ends at a time.
pub fn store(engine: &Engine, egress: Egress, until: Instant) -> Store<CallState> {
    let resources = Resources::shared();
    let owner = egress.owner();
    let limits = StoreLimitsBuilder::new()
        .memory_size(MAXIMUM_MEMORY)
        .table_elements(MAXIMUM_TABLE_ELEMENTS)
        .instances(MAXIMUM_CORE_INSTANCES as usize)
        .tables(MAXIMUM_TABLES as usize)
        .memories(MAXIMUM_MEMORIES as usize)
        .build();
    let memory = CallMemory::new(limits, resources.memory.reserved(&owner), until);
    let computing = Computing::new(owner, resources.turns.clone());
    let mut store =
        Store::new(engine, CallState { egress, memory, computing, sends: 0, requests: 0 });
    store.limiter_async(|state| &mut state.memory);
    store.set_hostcall_fuel(MAXIMUM_PASSED);
    store.set_max_component_handles(MAXIMUM_HANDLES);
    store.epoch_deadline_callback(|mut context| Ok(context.data_mut().computing.next_slice()));
    store.set_epoch_deadline(1);
    store
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::CallError;
    use wasmtime::component::{Component, Linker};

    /// A component that misbehaves in three ways.
    const MISBEHAVING: &str = r#"(component
        (core module $module
            (memory 1)
            (func (export "spin") (result i32) (loop $again (br $again)) (i32.const 0))
            (func (export "grow") (result i32)
                (loop $again
                    (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                (memory.size))
            (func (export "count") (result i32)
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (i32.load (i32.const 0))))
        (core instance $instance (instantiate $module))
        (func (export "spin") (result u32) (canon lift (core func $instance "spin")))
        (func (export "grow") (result u32) (canon lift (core func $instance "grow")))
        (func (export "count") (result u32) (canon lift (core func $instance "count"))))"#;

    async fn call(name: &str) -> Result<u32, CallError> {
        let engine = shared();
        let component = Component::new(engine, wat::parse_str(MISBEHAVING).unwrap()).unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        let mut store = store(engine, Egress::none(), until);
        let instance = Linker::new(engine).instantiate_async(&mut store, &component).await.unwrap();
        let function = instance.get_typed_func::<(), (u32,)>(&mut store, name).unwrap();
        let result = function.call_async(&mut store, ()).await;
        result.map(|(value,)| value).map_err(|error| CallError::from_wasmtime(&error))
    }

    #[tokio::test]
    async fn runaway_loop_is_interrupted() {
        assert!(matches!(call("spin").await, Err(CallError::Interrupted)));
        assert_eq!(call("count").await.unwrap(), 1);
    }

    #[tokio::test]
    async fn memory_is_limited() {
        let pages = call("grow").await.unwrap();
        assert!(pages > 1 && pages as usize <= MAXIMUM_MEMORY / 65536, "{pages} pages");
    }

    #[tokio::test]
    async fn each_call_has_fresh_memory() {
        for _ in 0..3 {
            assert_eq!(call("count").await.unwrap(), 1);
        }
    }
}
