//! What the host and the bundled component do, on real parts: the component in its sandbox, SQLite
//! on disk, HTTP on loopback.

mod command_line;
mod component;
mod deliveries;
mod egress;
mod host;
mod installing;
mod payments;
mod signatures;
