//! The bounds of a component's instance: what it may consist of, and what a call of it may use.

use thiserror::Error;

/// How much memory a call may use, in bytes. Source: the contract. A delivery of 1 MiB takes some 6 MiB when it is
/// parsed, at worst some 20.
pub(super) const MAXIMUM_MEMORY: usize = 64 << 20;
/// How many core instances a component may consist of. Our own choice: one in Rust has 3, one in Python 38.
pub(super) const MAXIMUM_CORE_INSTANCES: u32 = 64;
/// How many memories a component may have. Our own choice: two components that were linked have two.
pub(super) const MAXIMUM_MEMORIES: u32 = 2;
/// How many tables a component may have. Our own choice.
pub(super) const MAXIMUM_TABLES: u32 = 8;
/// How many elements a table may have. Our own choice: an interpreter has several thousand.
pub(super) const MAXIMUM_TABLE_ELEMENTS: usize = 20_000;
/// What the runtime may store for the instances of a component besides memories and tables, in bytes. Our own choice,
/// and wasmtime's.
pub(super) const MAXIMUM_INSTANCE_DATA: usize = 1 << 20;
/// How many bytes a plugin may pass to the host at once. Our own choice: the contract allows requests of 1 MiB
/// together.
pub(super) const MAXIMUM_PASSED: usize = 2 << 20;
/// How many handles a component may have. Our own choice: the contract has none, so they are to its own resources.
pub(super) const MAXIMUM_HANDLES: usize = 1000;

/// A bound that a component exceeds.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Bound {
    /// The number of its core instances.
    #[error("it consists of more than {MAXIMUM_CORE_INSTANCES} core instances")]
    CoreInstances,
    /// The number of its memories.
    #[error("it has more than {MAXIMUM_MEMORIES} memories")]
    Memories,
    /// The size with which a memory begins.
    #[error("its memory begins with more than {} MiB", MAXIMUM_MEMORY >> 20)]
    Memory,
    /// The number of its tables.
    #[error("it has more than {MAXIMUM_TABLES} tables")]
    Tables,
    /// The size with which a table begins.
    #[error("it has a table of more than {MAXIMUM_TABLE_ELEMENTS} elements")]
    TableElements,
    /// What the runtime stores for its instances.
    #[error(
        "its functions, globals and imports need more than {} MiB in the runtime",
        MAXIMUM_INSTANCE_DATA >> 20
    )]
    InstanceData,
    /// What it passes to the host at once.
    #[error("it passes more than {} MiB to the host at once", MAXIMUM_PASSED >> 20)]
    Passed,
    /// The number of its handles.
    #[error("it has more than {MAXIMUM_HANDLES} handles")]
    Handles,
}

/// What wasmtime says of each: its errors have no types. The tests see a change of its texts.
const SAID: [(&str, Bound); 11] = [
    ("core module instances, which exceeds", Bound::CoreInstances),
    ("Wasm linear memories, which exceeds", Bound::Memories),
    ("defined memories count", Bound::Memories),
    ("memory has a minimum byte size", Bound::Memory),
    ("tables, which exceeds", Bound::Tables),
    ("defined tables count", Bound::Tables),
    ("has a minimum element size", Bound::TableElements),
    ("VMComponentContext", Bound::InstanceData),
    ("instance allocation for this module requires", Bound::InstanceData),
    ("fuel allocated for hostcalls has been exhausted", Bound::Passed),
    ("cannot allocate another handle", Bound::Handles),
];

impl Bound {
    /// The bound that an error of wasmtime is about, if it is about one.
    pub(super) fn of(error: &wasmtime::Error) -> Option<Self> {
        // Its cause only: around it stand names that the guest has chosen.
        let said = error.root_cause().to_string();
        SAID.iter().find(|(text, _)| said.contains(text)).map(|(_, bound)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use std::time::Duration;

    use tokio::time::Instant;
    use wasmtime::component::{Component, Linker};

    use super::super::engine;
    use super::*;
    use crate::egress::Egress;
    use crate::plugin::CallError;

    /// A component of core modules that are instantiated.
    fn component(modules: &[String]) -> String {
        let mut text = String::from("(component");
        for (number, module) in modules.iter().enumerate() {
            let _ = write!(text, "(core module $m{number} {module})");
            let _ = write!(text, "(core instance (instantiate $m{number}))");
        }
        text + ")"
    }

    #[test]
    fn component_that_is_too_large_is_not_loaded() {
        let many = |number, module: &str| component(&vec![module.to_owned(); number]);
        let one = |module: String| component(&[module]);
        let globals = "(global (mut i64) (i64.const 0))".repeat(140_000);
        let rows = [
            (many(64, ""), None),
            (many(65, ""), Some(Bound::CoreInstances)),
            (many(2, "(memory 1)"), None),
            (many(3, "(memory 1)"), Some(Bound::Memories)),
            (one("(memory 1)".repeat(2)), None),
            (one("(memory 1)".repeat(3)), Some(Bound::Memories)),
            (one("(memory 1024)".to_owned()), None),
            (one("(memory 1025)".to_owned()), Some(Bound::Memory)),
            (many(8, "(table 1 funcref)"), None),
            (many(9, "(table 1 funcref)"), Some(Bound::Tables)),
            (one("(table 1 funcref)".repeat(8)), None),
            (one("(table 1 funcref)".repeat(9)), Some(Bound::Tables)),
            (one("(table 20000 funcref)".to_owned()), None),
            (one("(table 20001 funcref)".to_owned()), Some(Bound::TableElements)),
            (one(globals), Some(Bound::InstanceData)),
        ];
        for (text, expected) in rows {
            let loaded = Component::new(engine::shared(), wat::parse_str(&text).unwrap());
            let refused = loaded.err().map(|error| Bound::of(&error).ok_or(error.to_string()));
            assert_eq!(refused, expected.map(Ok), "{}", text.get(..200).unwrap_or(&text));
        }
    }

    /// A component that passes a list of bytes to the host, or makes handles, as many as it is told.
    const GREEDY: &str = r#"(component
        (import "take" (func $take (param "bytes" (list u8))))
        (core module $memory (memory (export "memory") 64))
        (core instance $memory (instantiate $memory))
        (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
        (type $thing (resource (rep i32)))
        (core func $new (canon resource.new $thing))
        (core module $module
            (import "host" "take" (func $take (param i32 i32)))
            (import "host" "new" (func $new (param i32) (result i32)))
            (func (export "pass") (param i32) (call $take (i32.const 0) (local.get 0)))
            (func (export "hold") (param i32)
                (loop $again
                    (drop (call $new (i32.const 0)))
                    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                    (br_if $again (local.get 0)))))
        (core instance $host (export "take" (func $take)) (export "new" (func $new)))
        (core instance $instance (instantiate $module (with "host" (instance $host))))
        (func (export "pass") (param "number" u32) (canon lift (core func $instance "pass")))
        (func (export "hold") (param "number" u32) (canon lift (core func $instance "hold"))))"#;

    #[tokio::test]
    async fn call_that_reaches_a_bound_says_which() {
        let engine = engine::shared();
        let component = Component::new(engine, wat::parse_str(GREEDY).unwrap()).unwrap();
        let mut linker = Linker::new(engine);
        linker.root().func_wrap("take", |_, (_,): (Vec<u8>,)| Ok(())).unwrap();
        for (function, number, expected) in [
            ("pass", MAXIMUM_PASSED, None),
            ("pass", MAXIMUM_PASSED + 1, Some(Bound::Passed)),
            ("hold", MAXIMUM_HANDLES, None),
            ("hold", MAXIMUM_HANDLES + 1, Some(Bound::Handles)),
        ] {
            let until = Instant::now() + Duration::from_secs(30);
            let mut store = engine::store(engine, Egress::none(), until);
            let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
            let called = instance.get_typed_func::<(u32,), ()>(&mut store, function).unwrap();
            let number = u32::try_from(number).unwrap();
            let result = called.call_async(&mut store, (number,)).await;
            let reached = result.map_err(|error| CallError::from_wasmtime(&error)).err();
            match (reached, expected) {
                (None, None) => {}
                (Some(CallError::LimitReached(bound)), Some(expected)) => {
                    assert_eq!(bound, expected);
                }
                (reached, _) => panic!("{function} {number}: {reached:?}"),
            }
        }
    }
}
