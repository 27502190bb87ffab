//! How often a delivery that cannot be verified may make us ask the provider.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As many in a minute for each installation: far below the 25 reads a second that the smallest
/// account of a provider allows, and enough for a shop without a signing secret.
const HINTS: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// Counts the hints of each installation.
#[derive(Default)]
pub struct Limiter(Mutex<HashMap<String, (Instant, u32)>>);

impl Limiter {
    /// Whether another hint for the installation may be followed now.
    pub fn allows(&self, installation: &str) -> bool {
        self.allows_at(installation, Instant::now())
    }

    fn allows_at(&self, installation: &str, now: Instant) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = windows.entry(installation.to_owned()).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= HINTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_hints_is_stopped_for_its_own_installation_alone() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let followed = (0..1000).filter(|_| limiter.allows_at("a", start)).count();
        assert_eq!(followed, HINTS as usize);
        assert!(limiter.allows_at("b", start));
        assert!(limiter.allows_at("a", start + WINDOW));
    }
}
