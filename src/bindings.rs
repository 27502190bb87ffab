//! The Rust side of the contract in `wit/`, generated.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

wit_bindgen::generate!({
    path: "wit",
    world: "payment-plugin",
    // What may wait does so in place, and `send-all` waits for several answers at once: a runtime
    // of its own would take 21 KB of the component's 200,000 bytes.
    async: ["-all"],
});

// Natively the symbols that this makes do not link.
#[cfg(target_arch = "wasm32")]
export!(StripePaymentProvider with_types_in self);
#[cfg(target_arch = "wasm32")]
use crate::StripePaymentProvider;
