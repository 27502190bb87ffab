//! How many requests the deliveries that are not verified may cause: anyone can send one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The requests in a minute for each installation: far below the 25 a second that a provider allows
/// its smallest account, and enough for a shop without a signing secret.
const REQUESTS: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// Counts the requests for each installation.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<String, (Instant, u32)>>);

impl Quotas {
    /// The quota of an installation for one delivery.
    #[must_use]
    pub fn of(self: &Arc<Self>, installation: &str) -> Arc<Quota> {
        Arc::new(Quota {
            quotas: Arc::clone(self),
            installation: installation.to_owned(),
            taken: AtomicU32::new(0),
        })
    }

    fn take(&self, installation: &str, now: Instant) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = windows.entry(installation.to_owned()).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        let is_left = *count < REQUESTS;
        *count += u32::from(is_left);
        is_left
    }

    fn give_back(&self, installation: &str, number: u32) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = windows.get_mut(installation) {
            *count = count.saturating_sub(number);
        }
    }
}

/// What one delivery has taken of an installation's quota.
pub struct Quota {
    quotas: Arc<Quotas>,
    installation: String,
    taken: AtomicU32,
}

impl Quota {
    /// Takes one request. False: none is left.
    pub fn take(&self) -> bool {
        let is_taken = self.quotas.take(&self.installation, Instant::now());
        self.taken.fetch_add(u32::from(is_taken), Ordering::Relaxed);
        is_taken
    }

    /// Gives everything back: the delivery was genuine.
    pub fn give_back(&self) {
        self.quotas.give_back(&self.installation, self.taken.swap(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_stopped_for_its_own_installation_alone() {
        let quotas = Quotas::default();
        let start = Instant::now();
        let taken = (0..1000).filter(|_| quotas.take("a", start)).count();
        assert_eq!(taken, REQUESTS as usize);
        assert!(quotas.take("b", start));
        assert!(quotas.take("a", start + WINDOW));
    }

    #[test]
    fn genuine_delivery_gets_its_requests_back() {
        let quotas = Arc::new(Quotas::default());
        for _ in 0..1000 {
            let quota = quotas.of("a");
            assert!(quota.take() && quota.take());
            quota.give_back();
            quota.give_back();
        }
        let forged = (0..1000).filter(|_| quotas.of("a").take()).count();
        assert_eq!(forged, REQUESTS as usize);
    }
}
