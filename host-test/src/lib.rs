//! A wasmtime host that stands in for Brain Studio's Marketplace, for developers of payment plugins: it
//! installs a plugin, receives its webhooks, creates payments with it and uninstalls it, as the marketplace
//! does.
//!
//! A plugin is a WebAssembly component that implements the contract in `wit/`. It has one capability,
//! [`egress`], and nothing else. Each call runs in a fresh instance.

pub mod bench;
pub mod bundled;
pub mod calling;
pub mod cli;
pub mod clock;
pub mod conform;
pub mod contract;
mod conversions;
mod credential_variables;
pub mod data_folder;
pub mod delivery_causes;
pub mod demo;
pub mod egress;
pub mod fair_places;
pub mod foreign;
mod json;
pub mod limit;
pub mod limits;
pub mod marketplace;
pub mod memory_budget;
pub mod money;
pub mod new_project;
pub mod plugin;
mod problem;
mod process_memory;
mod recent;
pub mod resources;
pub mod sender;
pub mod server;
pub mod telemetry;
pub mod trace;
pub mod vault;
pub mod views;
