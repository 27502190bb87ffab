//! The clock: the system's, or one that a simulation sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// In place of a time: the system's clock counts.
const SYSTEM: u64 = u64::MAX;

static CLOCK: AtomicU64 = AtomicU64::new(SYSTEM);

/// Sets the time of every fake in this process, in Unix seconds. None: the system's clock counts.
///
/// It must not go back while a fake runs: events are listed in the order of their creation.
pub fn set_clock(unix_seconds: Option<u64>) {
    CLOCK.store(unix_seconds.unwrap_or(SYSTEM), Ordering::Relaxed);
}

/// The time, in Unix seconds.
pub fn now() -> u64 {
    match CLOCK.load(Ordering::Relaxed) {
        SYSTEM => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        time => time,
    }
}

/// The time in the form of the header `date`.
pub fn http_date() -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now()))
}
