//! The quota of requests for deliveries that are not verified, which anyone can send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests per minute and installation. Source: the contract. It is far below the 25 per second that a
/// provider allows its smallest account, and enough for a shop without a signing secret.
const MAXIMUM_REQUESTS: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// The quotas of all installations.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<String, (Instant, u32)>>);

impl Quotas {
    /// The quota of an installation for one delivery.
    #[must_use]
    pub fn of(self: &Arc<Self>, installation: &str) -> Arc<Quota> {
        Arc::new(Quota {
            quotas: Arc::clone(self),
            installation: installation.to_owned(),
            taken: Mutex::default(),
        })
    }

    /// Takes one request. Returns the start of the minute in which it counts. None: no request is left.
    fn take(&self, installation: &str, now: Instant) -> Option<Instant> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = windows.entry(installation.to_owned()).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        let is_left = *count < MAXIMUM_REQUESTS;
        *count += u32::from(is_left);
        is_left.then_some(*since)
    }

    fn give_back(&self, installation: &str, since: Instant) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = windows.get_mut(installation).filter(|(begun, _)| *begun == since)
        {
            *count = count.saturating_sub(1);
        }
    }
}

/// The requests of one delivery.
pub struct Quota {
    quotas: Arc<Quotas>,
    installation: String,
    /// For each request, the start of the minute in which it counts.
    taken: Mutex<Vec<Instant>>,
}

impl Quota {
    /// Takes one request. False: no request is left.
    pub fn take(&self) -> bool {
        let since = self.quotas.take(&self.installation, Instant::now());
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(since);
        since.is_some()
    }

    /// Gives the requests back, because the delivery was verified.
    pub fn give_back(&self) {
        for since in self.taken.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.quotas.give_back(&self.installation, since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_limited_per_installation() {
        let quotas = Quotas::default();
        let start = Instant::now();
        let taken = (0..1000).filter(|_| quotas.take("a", start).is_some()).count();
        assert_eq!(taken, MAXIMUM_REQUESTS as usize);
        assert!(quotas.take("b", start).is_some());
        assert!(quotas.take("a", start + WINDOW).is_some());
        // What was taken a minute ago is not given back into this one.
        quotas.give_back("a", start);
        let left = (0..1000).filter(|_| quotas.take("a", start + WINDOW).is_some()).count();
        assert_eq!(left, MAXIMUM_REQUESTS as usize - 1);
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
        assert_eq!(forged, MAXIMUM_REQUESTS as usize);
    }
}
