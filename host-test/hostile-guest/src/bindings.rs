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
    path: "../../wit",
    world: "payment-plugin",
});

// Natively the symbols that this makes do not link.
#[cfg(target_arch = "wasm32")]
export!(HostileGuest with_types_in self);
#[cfg(target_arch = "wasm32")]
use crate::HostileGuest;
