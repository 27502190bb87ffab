//! The host's side of the contract in `wit/`, generated.
//!
//! The generated records derive `Debug`, and some hold a secret: nothing in this crate formats one
//! with it (the lint `clippy::use_debug` is on).
#![allow(missing_docs, clippy::pedantic, clippy::use_debug)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "payment-plugin",
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

pub use brain_studio::payments::{http, types};
pub use exports::brain_studio::payments::payment_provider;
