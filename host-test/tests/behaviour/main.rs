//! What the host and the bundled component do, on real parts: the component in its sandbox, SQLite
//! on disk, HTTP on loopback.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod afterwards;
mod attention;
mod command_line;
mod compiling;
mod component;
mod connection_report;
mod credential_rules;
mod data_folder;
mod deliveries;
mod door;
mod egress;
mod example;
mod faults;
mod host;
mod idempotency;
mod installing;
// It sends signals.
#[cfg(unix)]
mod interruptions;
mod late_money;
mod layout;
mod messages;
mod open_pages;
mod other_provider;
mod payments;
mod permissions;
mod reconciling;
mod requests;
mod rotating;
mod signatures;
mod transitions;
mod vouchers;
mod webhook_health;
