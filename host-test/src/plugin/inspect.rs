//! The imports and exports of a component. The list of imports is the security review.

use serde::Serialize;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use super::Plugin;
use super::compiler::Compiler;
use super::engine;
use super::error::LoadError;
use crate::foreign::one_line;

/// The contract's package and version.
const PACKAGE: &str = "brain-studio:payments";
const VERSION: &str = "0.3.0";

/// The functions that a plugin has to export.
pub(super) const FUNCTIONS: [&str; 16] = [
    "describe",
    "install",
    "repair",
    "uninstall",
    "report-status",
    "create-payment",
    "find-payment",
    "get-payment",
    "complete-payment",
    "cancel-payment",
    "refund-payment",
    "find-refund",
    "get-refund",
    "identify-webhook",
    "handle-webhook",
    "list-events",
];

/// The interface that has them.
pub(super) fn provider_interface() -> String {
    format!("{PACKAGE}/payment-provider@{VERSION}")
}

/// The imports and exports of a component.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The interfaces that it imports, those with only types included.
    pub imports: Vec<String>,
    /// The functions that it can call, each with its interface.
    pub callable_imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// The functions that can be called, each with its interface.
    pub exported_functions: Vec<String>,
    /// The size of the file.
    pub size_bytes: usize,
    /// The version of the contract that it exports. None: it does not export it.
    pub package_version: Option<String>,
}

/// What was found out about a component.
pub struct Inspected {
    /// Its imports and exports.
    pub inspection: Inspection,
    /// The plugin, or why a marketplace does not load it.
    pub loaded: Result<Plugin, LoadError>,
}

/// Reads the imports and exports of a component, and loads it as a marketplace would.
///
/// # Errors
///
/// The bytes are no component, or it is not compiled.
pub async fn inspect(bytes: &[u8], compiler: &Compiler) -> Result<Inspected, LoadError> {
    let engine = engine::shared();
    let component = compiler.compile(engine, bytes).await?;
    let inspection = Inspection::of(engine, &component, bytes.len());
    let loaded = Plugin::of_compiled(engine, bytes, &component, None).await;
    Ok(Inspected { inspection, loaded })
}

impl Inspection {
    /// The imports and exports of a compiled component, of which the file has this many bytes.
    pub(super) fn of(engine: &Engine, component: &Component, size_bytes: usize) -> Self {
        let (imports, callable_imports) = imports(engine, component);
        let (exports, exported_functions) = exports(engine, component);
        let package_version = exports.iter().find_map(|name| {
            let (interface, version) = name.split_once('@')?;
            interface.starts_with(PACKAGE).then(|| version.to_owned())
        });
        Self { imports, callable_imports, exports, exported_functions, size_bytes, package_version }
    }
}

/// Whether a component imports nothing but `http#send` and exports the whole contract.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let send = format!("{PACKAGE}/http@{VERSION}#send");
    let forbidden: Vec<String> =
        callable_imports(engine, component).into_iter().filter(|name| *name != send).collect();
    if !forbidden.is_empty() {
        return Err(LoadError::ForbiddenImports(forbidden));
    }
    let provider = provider_interface();
    let (interfaces, functions) = exports(engine, component);
    if !interfaces.contains(&provider) {
        return Err(LoadError::InterfaceMissing(provider));
    }
    let missing: Vec<String> = FUNCTIONS
        .iter()
        .filter(|&function| !functions.contains(&format!("{provider}#{function}")))
        .map(|&function| function.to_owned())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(LoadError::FunctionsMissing(missing)) }
}

/// The functions that a component can call.
fn callable_imports(engine: &Engine, component: &Component) -> Vec<String> {
    imports(engine, component).1
}

/// The names of the imports, and the functions among and in them.
fn imports(engine: &Engine, component: &Component) -> (Vec<String>, Vec<String>) {
    names(engine, component.component_type().imports(engine).map(|(name, item)| (name, item.ty)))
}

fn exports(engine: &Engine, component: &Component) -> (Vec<String>, Vec<String>) {
    names(engine, component.component_type().exports(engine).map(|(name, item)| (name, item.ty)))
}

fn names<'a>(
    engine: &Engine,
    items: impl Iterator<Item = (&'a str, ComponentItem)>,
) -> (Vec<String>, Vec<String>) {
    let (mut all, mut functions) = (Vec::new(), Vec::new());
    for (name, item) in items {
        // It is the component's own.
        let name = &*one_line(name);
        all.push(name.to_owned());
        match item {
            ComponentItem::ComponentInstance(instance) => {
                functions.extend(callable(engine, name, &instance));
            }
            ComponentItem::Type(_) => {}
            // Everything but a type can be called.
            _ => functions.push(name.to_owned()),
        }
    }
    (all, functions)
}

fn callable(engine: &Engine, interface: &str, instance: &ComponentInstance) -> Vec<String> {
    instance
        .exports(engine)
        .filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
        .map(|(name, _)| format!("{interface}#{}", one_line(name)))
        .collect()
}
