//! A wasmtime host that stands in for Brain Studio's Marketplace, for the developers of payment
//! plugins: it installs one, takes its webhooks, asks it for payments, and removes it, as the
//! marketplace would.
//!
//! A plugin is a WebAssembly component that implements the contract in `wit/`. It is given one
//! capability, [`egress`], and nothing else; each call runs in a fresh instance.

pub mod bench;
pub mod bundled;
pub mod cli;
mod clock;
pub mod contract;
pub mod demo;
pub mod egress;
mod json;
pub mod ledger;
pub mod marketplace;
pub mod money;
pub mod plugin;
mod problem;
pub mod server;
pub mod vault;
