//! The Rust side of the contract, generated.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "payment-plugin",
    // A crate that wraps the plugin exports its own type.
    pub_export_macro: true,
    default_bindings_module: "andes_pay::bindings",
});

// Natively the symbols that this makes do not link.
#[cfg(all(target_arch = "wasm32", feature = "component"))]
export!(AndesPay with_types_in self);
#[cfg(all(target_arch = "wasm32", feature = "component"))]
use crate::AndesPay;
