//! The quotas of requests for deliveries that are not verified, which anyone can send.
//!
//! An installation has one of so many requests in a minute, and each sender a part of it. Senders of whom nothing
//! genuine has ever come for this installation are strangers: all strangers together have two thirds of it, so that
//! they leave something for the others. A request for a delivery that turns out to be verified is given back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limit::Limit;
use crate::recent::Recent;
use crate::sender::Sender;

const WINDOW: Duration = Duration::from_mins(1);
/// How many installations are remembered. Our own choice.
const MOST_INSTALLATIONS: usize = 10_000;
/// How many senders of genuine deliveries are remembered of each. Our own choice: a provider has about a dozen.
const MOST_KNOWN: usize = 32;

/// The quotas of all installations.
pub struct Quotas {
    per_installation: u32,
    per_sender: u32,
    installations: Mutex<Recent<String, Requests>>,
}

/// The requests for one installation.
#[derive(Default)]
struct Requests {
    /// When the minute began in which the numbers count.
    since: Option<Instant>,
    number: u32,
    of_strangers: u32,
    /// No more senders than requests.
    of_sender: HashMap<Sender, u32>,
    /// Senders of genuine deliveries, the last one at the end.
    known: VecDeque<Sender>,
}

/// A request that was taken.
struct Taken {
    since: Instant,
    by_stranger: bool,
}

impl Requests {
    fn begin_minute(&mut self, now: Instant) -> Instant {
        match self.since {
            Some(since) if now.duration_since(since) < WINDOW => since,
            _ => {
                let known = std::mem::take(&mut self.known);
                *self = Self { since: Some(now), known, ..Self::default() };
                now
            }
        }
    }

    fn take(&mut self, sender: Sender, quotas: &Quotas, now: Instant) -> Result<Taken, Limit> {
        let since = self.begin_minute(now);
        let by_stranger = !self.known.contains(&sender);
        let strangers_have = quotas.per_installation.saturating_mul(2) / 3;
        if self.number >= quotas.per_installation
            || (by_stranger && self.of_strangers >= strangers_have)
        {
            return Err(Limit::HintsPerInstallation);
        }
        let own = self.of_sender.get(&sender).copied().unwrap_or_default();
        if own >= quotas.per_sender {
            return Err(Limit::HintsPerSender);
        }
        self.of_sender.insert(sender, own + 1);
        self.number += 1;
        self.of_strangers += u32::from(by_stranger);
        Ok(Taken { since, by_stranger })
    }

    fn give_back(&mut self, sender: Sender, taken: &Taken) {
        // What was taken a minute ago is not given back into this one.
        if self.since != Some(taken.since) {
            return;
        }
        self.number = self.number.saturating_sub(1);
        self.of_strangers = self.of_strangers.saturating_sub(u32::from(taken.by_stranger));
        if let Some(own) = self.of_sender.get_mut(&sender) {
            *own = own.saturating_sub(1);
        }
    }

    fn know(&mut self, sender: Sender) {
        if self.known.back() == Some(&sender) {
            return;
        }
        self.known.retain(|known| *known != sender);
        if self.known.len() >= MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(sender);
    }
}

impl Quotas {
    /// So many requests in a minute for an installation, and of these for a sender.
    #[must_use]
    pub fn new(per_installation: u32, per_sender: u32) -> Self {
        let installations = Mutex::new(Recent::new(MOST_INSTALLATIONS));
        Self { per_installation, per_sender, installations }
    }

    /// The quota of one delivery of a sender to an installation.
    #[must_use]
    pub fn of(self: &Arc<Self>, installation: &str, sender: Sender) -> Arc<Quota> {
        Arc::new(Quota {
            quotas: Arc::clone(self),
            installation: installation.to_owned(),
            sender,
            used: Mutex::default(),
        })
    }

    fn installations(&self) -> MutexGuard<'_, Recent<String, Requests>> {
        self.installations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The requests of one delivery.
pub struct Quota {
    quotas: Arc<Quotas>,
    installation: String,
    sender: Sender,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    taken: Vec<Taken>,
    reached: Option<Limit>,
}

impl Quota {
    /// Takes one request.
    ///
    /// # Errors
    ///
    /// No request is left: the limit that was reached.
    pub fn take(&self) -> Result<(), Limit> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Result<(), Limit> {
        let mut installations = self.quotas.installations();
        let requests = installations.of(self.installation.clone());
        let taken = requests.take(self.sender, &self.quotas, now);
        drop(installations);
        let mut used = self.used();
        match taken {
            Ok(taken) => used.taken.push(taken),
            Err(limit) => {
                used.reached = Some(limit);
                return Err(limit);
            }
        }
        Ok(())
    }

    /// The limit because of which the delivery was refused a request.
    #[must_use]
    pub fn reached(&self) -> Option<Limit> {
        self.used().reached
    }

    /// Gives the requests back, because the delivery was verified. Its sender is no stranger any more.
    pub fn give_back(&self) {
        let taken = std::mem::take(&mut self.used().taken);
        let mut installations = self.quotas.installations();
        let requests = installations.of(self.installation.clone());
        for taken in &taken {
            requests.give_back(self.sender, taken);
        }
        requests.know(self.sender);
    }

    /// The delivery told of a change of a payment of the installation. Its sender is no stranger any more, and the
    /// requests stay taken.
    pub fn has_changed_payment(&self) {
        self.quotas.installations().of(self.installation.clone()).know(self.sender);
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn sender(number: u8) -> Sender {
        IpAddr::from([192, 0, 2, number]).into()
    }

    fn quotas() -> Arc<Quotas> {
        Arc::new(Quotas::new(60, 20))
    }

    /// How many of a thousand deliveries of each sender get a request.
    fn flood(quotas: &Arc<Quotas>, installation: &str, senders: &[u8], now: Instant) -> Vec<usize> {
        let of_sender = |number: &u8| {
            let taken = |_: &i32| quotas.of(installation, sender(*number)).take_at(now).is_ok();
            (0..1000).filter(taken).count()
        };
        senders.iter().map(of_sender).collect()
    }

    #[test]
    fn strangers_leave_requests_for_those_who_were_genuine() {
        let (quotas, start) = (quotas(), Instant::now());
        quotas.of("a", sender(1)).has_changed_payment();
        quotas.of("b", sender(2)).give_back();
        // The second is known at another installation only.
        assert_eq!(flood(&quotas, "a", &[2, 3, 4, 5], start), [20, 20, 0, 0]);
        assert_eq!(flood(&quotas, "a", &[1, 1], start), [20, 0]);
        assert_eq!(flood(&quotas, "b", &[3, 2, 4], start), [20, 20, 20]);
        // Another minute: who was known still is.
        assert_eq!(flood(&quotas, "a", &[2, 3, 4, 1], start + WINDOW), [20, 20, 0, 20]);
    }

    #[test]
    fn limit_that_was_reached_is_named() {
        let (quotas, start) = (quotas(), Instant::now());
        flood(&quotas, "a", &[2], start);
        for (number, limit) in [(2, Limit::HintsPerSender), (4, Limit::HintsPerInstallation)] {
            let quota = quotas.of("a", sender(number));
            assert_eq!(quota.reached(), None);
            assert_eq!(quota.take_at(start), Err(limit));
            assert_eq!(quota.reached(), Some(limit));
            flood(&quotas, "a", &[3], start);
        }
    }

    #[test]
    fn genuine_delivery_gets_its_requests_back() {
        let (quotas, start) = (quotas(), Instant::now());
        for number in (0..100).cycle().take(1000) {
            let quota = quotas.of("a", sender(number));
            assert!(quota.take_at(start).is_ok() && quota.take_at(start).is_ok());
            quota.give_back();
            quota.give_back();
        }
        assert_eq!(flood(&quotas, "a", &[101, 102, 103, 99], start), [20, 20, 0, 20]);
        // What was taken a minute ago is not given back into this one.
        let late = quotas.of("b", sender(1));
        assert!(late.take_at(start).is_ok());
        assert_eq!(flood(&quotas, "b", &[1], start + WINDOW), [20]);
        late.give_back();
        assert_eq!(flood(&quotas, "b", &[1], start + WINDOW), [0]);
    }

    #[test]
    fn memory_is_bounded() {
        let (quotas, start) = (quotas(), Instant::now());
        for installation in 0..3 * MOST_INSTALLATIONS {
            let quota = quotas.of(&installation.to_string(), sender(1));
            assert!(quota.take_at(start).is_ok());
            quota.give_back();
        }
        assert!(quotas.installations().iter_mut().count() <= MOST_INSTALLATIONS);
        for number in 0..100 {
            quotas.of("a", sender(number)).give_back();
        }
        flood(&quotas, "a", &(0..=255).collect::<Vec<_>>(), start);
        let mut installations = quotas.installations();
        let requests = installations.of("a".to_owned());
        assert_eq!((requests.known.len(), requests.of_sender.len()), (MOST_KNOWN, 3));
    }
}
