//! The HTTP server: the public door, which takes deliveries, and the control listener, which is for the operator.

mod answer;
mod body;
mod connections;
pub mod control;
mod limits;
pub mod open_files;
mod public;

pub use limits::DoorLimits;
pub use public::serve;
