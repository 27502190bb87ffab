//! The standing of senders: who sends many deliveries that cannot be verified is kept apart, so that it slows nobody
//! else.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Marketplace;
use crate::recent::Recent;
use crate::sender::Sender;

const WINDOW: Duration = Duration::from_mins(1);
/// How many senders are remembered. Our own choice: about a megabyte.
const MOST_SENDERS: usize = 10_000;

/// The standing of all senders.
pub(super) struct Standings {
    /// How many deliveries of a sender may be unverified in a minute, beyond those that are verified.
    most: u32,
    senders: Mutex<Recent<Sender, Minute>>,
}

#[derive(Default)]
struct Minute {
    since: Option<Instant>,
    unverified: u32,
}

impl Minute {
    fn has_begun(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) < WINDOW)
    }
}

impl Standings {
    /// Everybody is in good standing.
    pub fn new(most: u32) -> Self {
        Self { most, senders: Mutex::new(Recent::new(MOST_SENDERS)) }
    }

    /// Counts a delivery of a sender. One that is verified takes back one that was not.
    pub fn count(&self, sender: Sender, is_verified: bool, now: Instant) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if is_verified {
            if let Some(minute) = senders.get_mut(&sender) {
                minute.unverified = minute.unverified.saturating_sub(1);
            }
            return;
        }
        let minute = senders.of(sender);
        if !minute.has_begun(now) {
            *minute = Minute { since: Some(now), unverified: 0 };
        }
        minute.unverified = minute.unverified.saturating_add(1);
    }

    fn is_bad(&self, sender: Sender, now: Instant) -> bool {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = senders.get_mut(&sender);
        minute.is_some_and(|minute| minute.has_begun(now) && minute.unverified > self.most)
    }
}

impl Marketplace {
    /// Whether a sender has sent too many deliveries in this minute that were not verified.
    #[must_use]
    pub fn is_in_bad_standing(&self, sender: Sender) -> bool {
        self.standings.is_bad(sender, Instant::now())
    }

    /// The body of a delivery was not read: it is one that is not verified.
    pub fn has_not_read(&self, sender: Sender) {
        self.standings.count(sender, false, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn sender(number: u32) -> Sender {
        IpAddr::from(number.to_be_bytes()).into()
    }

    #[test]
    fn standing_is_bad_for_the_rest_of_the_minute() {
        let (standings, start) = (Standings::new(60), Instant::now());
        let count = |number: u32, is_verified: bool| {
            for _ in 0..number {
                standings.count(sender(1), is_verified, start);
            }
            standings.is_bad(sender(1), start)
        };
        assert!(!count(60, false));
        assert!(count(1, false));
        assert!(!standings.is_bad(sender(2), start));
        // Each verified delivery takes one back.
        assert!(!count(1, true));
        assert!(count(10, false));
        assert!(!count(100, true));
        assert!(!count(60, false) && count(1, false));
        assert!(!standings.is_bad(sender(1), start + WINDOW));
    }

    #[test]
    fn memory_is_bounded() {
        let (standings, start) = (Standings::new(0), Instant::now());
        for number in 0..10 * u32::try_from(MOST_SENDERS).unwrap() {
            standings.count(sender(number), false, start);
            standings.count(sender(u32::MAX), false, start);
            assert!(standings.is_bad(sender(number), start));
        }
        assert!(standings.is_bad(sender(u32::MAX), start));
        assert!(standings.senders.lock().unwrap().iter_mut().count() <= MOST_SENDERS);
    }
}
