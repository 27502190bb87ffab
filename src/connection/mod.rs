//! The connection to a merchant's account: install, repair, status report, uninstall.

mod address;
mod destination;
mod endpoint;
mod install;
mod registration;
mod repair;
mod secrets;
mod status;

pub use install::{install, uninstall};
pub use repair::repair;
pub use status::report_status;
