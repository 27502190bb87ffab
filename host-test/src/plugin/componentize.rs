//! Making a component of a core module, as compilers write it.

use thiserror::Error;
use wasmparser::{Parser, Payload};

use crate::contract::types::Problem;
use crate::foreign::one_line;

/// How the imports of WASI begin: of its first version, and of components.
const WASI: [&str; 2] = ["wasi_", "wasi:"];

/// Why no component can be made of a module.
#[derive(Debug, Error)]
pub enum ComponentizeError {
    /// It is a component already.
    #[error("it is a component already")]
    IsComponent,
    /// It is no WebAssembly module.
    #[error("{0}")]
    NotAModule(String),
    /// It imports WASI: the name of a module that it imports from.
    #[error("it imports {0}")]
    ImportsWasi(String),
    /// It does not say which world it was built for.
    #[error("it says nothing of a world")]
    WorldMissing,
    /// It cannot be encoded.
    #[error("{0}")]
    NotEncoded(String),
}

impl ComponentizeError {
    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::IsComponent => Problem::new(
                "module-is-a-component",
                "The file is a component already.",
                &["Use it as it is: `host-test inspect FILE` shows what it can call."],
            ),
            Self::NotAModule(why) => Problem::new(
                "module-invalid",
                format!("The file is not a WebAssembly module: {why}."),
                &[
                    "Give the .wasm file that the compiler has written. For Rust: target/wasm32-unknown-unknown/release/NAME.wasm, of a crate of the type cdylib.",
                ],
            ),
            Self::ImportsWasi(name) => Problem::new(
                "module-imports-wasi",
                format!(
                    "The module imports functions of WASI ({name}), such as files, clocks or an environment. A plugin has none of them."
                ),
                &[
                    "For Rust: build for wasm32-unknown-unknown, which imports no WASI.",
                    "In another language: choose a build without WASI, or remove the code that needs it.",
                ],
            ),
            Self::WorldMissing => Problem::new(
                "module-world-missing",
                "The module does not say that it implements the contract.",
                &[
                    "Generate the bindings of the world payment-plugin (for Rust: `wit_bindgen::generate!`), and export a type that implements them (`export!`).",
                    "Do not remove the module's custom sections before this step: `wasm-strip` and `wasm-opt --strip` do.",
                ],
            ),
            Self::NotEncoded(why) => Problem::new(
                "module-not-encoded",
                format!("No component can be made of the module: {why}."),
                &["Build it for the world payment-plugin of this contract (see wit/)."],
            ),
        }
    }
}

/// Makes the component of a core module, as `wasm-tools component new` does, and validates it.
///
/// # Errors
///
/// It is no module, imports WASI, or was not built with bindings of a world.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    if Parser::is_component(module) {
        return Err(ComponentizeError::IsComponent);
    }
    let mut has_world = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| ComponentizeError::NotAModule(shown(&error)))? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import =
                        import.map_err(|error| ComponentizeError::NotAModule(shown(&error)))?;
                    if WASI.iter().any(|prefix| import.module.starts_with(prefix)) {
                        return Err(ComponentizeError::ImportsWasi(shown(&import.module)));
                    }
                }
            }
            Payload::CustomSection(section) => {
                has_world |= section.name().starts_with("component-type");
            }
            _ => {}
        }
    }
    // Without it the encoder makes an empty component, which does nothing.
    if !has_world {
        return Err(ComponentizeError::WorldMissing);
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(wit_component::ComponentEncoder::encode)
        .map_err(|error| ComponentizeError::NotEncoded(shown(&format_args!("{error:#}"))))
}

/// On one line: it may repeat names of the module.
fn shown(what: &dyn std::fmt::Display) -> String {
    one_line(&what.to_string()).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(module: &[u8]) -> String {
        componentize(module).unwrap_err().problem().code
    }

    #[test]
    fn module_that_is_no_plugin_is_refused() {
        let wat = |text: &str| wat::parse_str(text).unwrap();
        let wasi = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#;
        let world = r#"(module (@custom "component-type:x" "nonsense"))"#;
        let rows = [
            (wat("(component)"), "module-is-a-component"),
            (b"#!/bin/sh".to_vec(), "module-invalid"),
            (Vec::new(), "module-invalid"),
            (wat("(module)")[..7].to_vec(), "module-invalid"),
            (wat(wasi), "module-imports-wasi"),
            (wat("(module)"), "module-world-missing"),
            (wat(world), "module-not-encoded"),
        ];
        for (module, expected) in rows {
            assert_eq!(code(&module), expected);
        }
    }
}
