//! The host's clock, which is the only clock of a plugin.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time, in Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
