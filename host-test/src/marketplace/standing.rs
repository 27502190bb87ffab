//! The standing of senders: who sends many deliveries that cannot be verified is kept apart, so that it slows nobody
//! else.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Marketplace;
use crate::recent::Recent;
use crate::sender::{Sender, Site};

const WINDOW: Duration = Duration::from_mins(1);
/// How many senders are remembered, and how many sites. Our own choice: about a megabyte each.
const MOST_SENDERS: usize = 10_000;
/// How many times as many deliveries as of a sender may be unverified of all senders of a site together. Our own choice.
const SENDERS_OF_SITE: u32 = 10;

/// The standing of all senders.
pub(super) struct Standings {
    /// How many deliveries of a sender may be unverified in a minute, beyond those that are verified.
    most: u32,
    senders: Mutex<Recent<Sender, Minute>>,
    sites: Mutex<Recent<Site, Minute>>,
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
        let senders = Mutex::new(Recent::new(MOST_SENDERS));
        Self { most, senders, sites: Mutex::new(Recent::new(MOST_SENDERS)) }
    }

    /// Counts a delivery of a sender, and of its site. One that is verified takes back one that was not.
    pub fn count(&self, sender: Sender, is_verified: bool, now: Instant) {
        count_of(&self.senders, sender, is_verified, now);
        if let Some(site) = sender.site() {
            count_of(&self.sites, site, is_verified, now);
        }
    }

    fn is_bad(&self, sender: Sender, now: Instant) -> bool {
        let most_of_site = self.most.saturating_mul(SENDERS_OF_SITE);
        unverified(&self.senders, &sender, now) > self.most
            || sender.site().is_some_and(|site| unverified(&self.sites, &site, now) > most_of_site)
    }
}

fn count_of<K: Eq + Hash>(of: &Mutex<Recent<K, Minute>>, key: K, is_verified: bool, now: Instant) {
    let mut of = of.lock().unwrap_or_else(PoisonError::into_inner);
    if is_verified {
        if let Some(minute) = of.get_mut(&key) {
            minute.unverified = minute.unverified.saturating_sub(1);
        }
        return;
    }
    let minute = of.of(key);
    if !minute.has_begun(now) {
        *minute = Minute { since: Some(now), unverified: 0 };
    }
    minute.unverified = minute.unverified.saturating_add(1);
}

fn unverified<K: Eq + Hash>(of: &Mutex<Recent<K, Minute>>, key: &K, now: Instant) -> u32 {
    let mut of = of.lock().unwrap_or_else(PoisonError::into_inner);
    let minute = of.get_mut(key).filter(|minute| minute.has_begun(now));
    minute.map_or(0, |minute| minute.unverified)
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
    fn senders_of_one_site_stand_together() {
        let (standings, start) = (Standings::new(60), Instant::now());
        let of = |site: u16, network: u16| {
            Sender::from(IpAddr::from([0x2001, 0xdb8, site, network, 0, 0, 0, 1]))
        };
        for network in 0..600 {
            standings.count(of(1, network), false, start);
        }
        assert!(!standings.is_bad(of(1, 1), start));
        standings.count(of(1, 601), false, start);
        // Also one that has sent nothing yet.
        assert!(standings.is_bad(of(1, 1), start) && standings.is_bad(of(1, 9999), start));
        assert!(!standings.is_bad(of(2, 1), start));
        assert!(!standings.is_bad(of(1, 1), start + WINDOW));
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
