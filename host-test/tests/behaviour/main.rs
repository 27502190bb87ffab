//! What the host and the bundled component do, on real parts: the component in its sandbox, SQLite
//! on disk, HTTP on loopback.

// A test that panics has failed, which is what it is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod command_line;
mod component;
mod deliveries;
mod egress;
mod host;
mod installing;
mod payments;
mod signatures;
