//! How many requests the deliveries that are not verified may cause: anyone can send one.

use std::collections::HashMap;
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
            taken: Mutex::default(),
        })
    }

    /// Takes one request, and gives the beginning of the minute that it counts in. None: none is
    /// left.
    fn take(&self, installation: &str, now: Instant) -> Option<Instant> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = windows.entry(installation.to_owned()).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        let is_left = *count < REQUESTS;
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

/// What one delivery has taken of an installation's quota.
pub struct Quota {
    quotas: Arc<Quotas>,
    installation: String,
    /// The beginning of the minute of each request.
    taken: Mutex<Vec<Instant>>,
}

impl Quota {
    /// Takes one request. False: none is left.
    pub fn take(&self) -> bool {
        let since = self.quotas.take(&self.installation, Instant::now());
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(since);
        since.is_some()
    }

    /// Gives everything back: the delivery was genuine.
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
    fn flood_is_stopped_for_its_own_installation_alone() {
        let quotas = Quotas::default();
        let start = Instant::now();
        let taken = (0..1000).filter(|_| quotas.take("a", start).is_some()).count();
        assert_eq!(taken, REQUESTS as usize);
        assert!(quotas.take("b", start).is_some());
        assert!(quotas.take("a", start + WINDOW).is_some());
        // What was taken a minute ago is not given back into this one.
        quotas.give_back("a", start);
        let left = (0..1000).filter(|_| quotas.take("a", start + WINDOW).is_some()).count();
        assert_eq!(left, REQUESTS as usize - 1);
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
