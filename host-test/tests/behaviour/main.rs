//! What the host and the bundled component do, on real parts: the component in its sandbox, SQLite
//! on disk, HTTP on loopback.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod afterwards;
mod andes_pay;
mod attention;
mod command_line;
mod compiling;
mod component;
mod conformance;
mod connection_report;
mod contract_reference;
mod control;
mod credential_rules;
mod credentials_given;
mod data_folder;
// It looks at rights of files.
#[cfg(unix)]
mod data_folder_rights;
mod deliveries;
mod delivery_causes;
mod developing;
mod door;
mod egress;
mod example;
mod faults;
mod host;
mod hostile;
mod idempotency;
mod installing;
mod instances;
// It sends signals.
#[cfg(unix)]
mod interruptions;
mod late_money;
mod layout;
mod look_inside;
// It reads the memory of a process.
#[cfg(target_os = "linux")]
mod memory;
mod messages;
mod new_project;
mod no_secret_anywhere;
mod open_pages;
mod other_provider;
mod payments;
mod permissions;
mod reconciling;
mod requests;
mod rotating;
mod scenario_document;
mod several_plugins;
mod signatures;
mod transitions;
mod triggered;
mod vault;
mod vouchers;
mod webhook_health;
