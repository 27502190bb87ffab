//! A wasmtime host that stands in for Brain Studio's Marketplace.
pub mod contract;
pub mod egress;
pub mod fake;
pub mod ledger;
pub mod marketplace;
pub mod money;
pub mod plugin;
mod problem;
pub mod server;
pub mod vault;
