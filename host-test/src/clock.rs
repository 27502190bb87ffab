//! The host's clock, which is the only clock of a plugin. A simulation has its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of a marketplace.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The time in milliseconds since 1970. None: the system's clock.
    simulated: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock that stands still, at a time in Unix seconds, until it is moved on. Pauses move it on at once.
    #[must_use]
    pub fn simulated(unix_seconds: u64) -> Self {
        let milliseconds = unix_seconds.saturating_mul(1000);
        Self { simulated: Some(Arc::new(AtomicU64::new(milliseconds))) }
    }

    /// The time, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        match &self.simulated {
            Some(time) => time.load(Ordering::Relaxed) / 1000,
            None => now(),
        }
    }

    /// Moves a simulated clock on. The system's clock is left alone.
    pub fn advance(&self, duration: Duration) {
        if let Some(time) = &self.simulated {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            time.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }

    /// Pauses. A simulated clock is moved on instead.
    pub async fn pause(&self, duration: Duration) {
        match &self.simulated {
            Some(_) => self.advance(duration),
            None => tokio::time::sleep(duration).await,
        }
    }
}

/// The system's time, in Unix seconds.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
