//! The connection with a merchant's account: made, mended, looked at, removed.

mod endpoint;
mod install;
mod repair;
mod status;

pub use install::{install, uninstall};
pub use repair::repair;
pub use status::report_status;
