//! Places that are shared fairly: between providers, and between the installations of each.
//!
//! An installation that holds none gets any free place. One that holds some gets another one only while it holds less
//! than half of what is free, without an eighth of all places, which is kept for those that hold none. So one that spins or
//! waits holds less than a third of the places, and it takes many of them to leave none for whoever comes next. While
//! several providers hold places or wait, each has at most three times as many as are free. Where several
//! wait, the provider that holds the fewest is served first, then its installation that holds the fewest, then who has
//! waited longest.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How many times as many places as are free a provider may hold beside others. Our own choice: three quarters of all.
const SHARE_OF_PROVIDER: usize = 3;
/// One of so many places is kept for installations that hold none. Our own choice.
const KEPT_SHARE: usize = 8;

/// For whom work is done: places, memory and requests are shared between owners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The provider's id.
    pub provider: Arc<str>,
    /// The installation's id. Empty: the work is for none.
    pub installation: Arc<str>,
}

impl Owner {
    /// An installation of a provider.
    #[must_use]
    pub fn new(provider: &str, installation: &str) -> Self {
        Self { provider: provider.into(), installation: installation.into() }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoPlace {
    /// As many wait as may wait.
    #[error("too many wait already")]
    QueueFull,
    /// None became free in time.
    #[error("none became free in time")]
    TimedOut,
}

/// How many places are in use, and how many wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Places in use.
    pub running: usize,
    /// All places.
    pub places: usize,
    /// Who waits.
    pub waiting: usize,
    /// How many may wait.
    pub queue: usize,
}

/// A number of places, and a bounded queue before them.
#[derive(Clone, Debug)]
pub struct FairPlaces(Arc<Mutex<State>>);

/// A place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: FairPlaces,
    owner: Owner,
}

#[derive(Debug)]
struct State {
    places: usize,
    queue: usize,
    running: usize,
    waiting: usize,
    /// The number of the next one who waits.
    next: u64,
    /// Those that hold a place or wait for one.
    providers: HashMap<Arc<str>, Provider>,
}

#[derive(Debug, Default)]
struct Provider {
    running: usize,
    waiting: usize,
    installations: HashMap<Arc<str>, Installation>,
}

#[derive(Debug, Default)]
struct Installation {
    running: usize,
    /// The first has waited longest. Their numbers ascend.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    wake: oneshot::Sender<()>,
}

impl FairPlaces {
    /// A number of places, before which a number may wait.
    #[must_use]
    pub fn new(places: usize, queue: usize) -> Self {
        let providers = HashMap::new();
        Self(Arc::new(Mutex::new(State {
            places,
            queue,
            running: 0,
            waiting: 0,
            next: 0,
            providers,
        })))
    }

    /// Takes a place, at once or until a time.
    ///
    /// # Errors
    ///
    /// The queue is full, or no place became free in time.
    pub async fn acquire(&self, owner: &Owner, until: Instant) -> Result<Place, NoPlace> {
        let place = || Place { places: self.clone(), owner: owner.clone() };
        let (number, woken) = {
            let mut state = self.lock();
            if state.may_run(owner) {
                state.run(owner);
                return Ok(place());
            }
            state.wait(owner).ok_or(NoPlace::QueueFull)?
        };
        let mut queued = Queued { places: self, owner, number, is_done: false };
        // It is sent before the sender is dropped.
        let woken = timeout_at(until, woken).await;
        if matches!(woken, Ok(Ok(()))) {
            queued.is_done = true;
            return Ok(place());
        }
        Err(NoPlace::TimedOut)
    }

    /// What is in use now.
    #[must_use]
    pub fn in_use(&self) -> InUse {
        let state = self.lock();
        InUse {
            running: state.running,
            places: state.places,
            waiting: state.waiting,
            queue: state.queue,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// It is another owner's from now on, if that one may have a place at once. Returns whether it is.
    pub fn pass_to(&mut self, owner: &Owner) -> bool {
        if self.owner == *owner {
            return true;
        }
        let mut state = self.places.lock();
        state.leave_place(&self.owner);
        let may_run = state.may_run(owner);
        state.run(if may_run { owner } else { &self.owner });
        if may_run {
            // Others of the owner before may have room now.
            state.serve();
            drop(state);
            self.owner = owner.clone();
        }
        may_run
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().end(&self.owner);
    }
}

/// Someone who waits, and who may be dropped before there is a place.
struct Queued<'a> {
    places: &'a FairPlaces,
    owner: &'a Owner,
    number: u64,
    is_done: bool,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = self.places.lock();
        if !state.leave(self.owner, self.number) {
            // It was given a place that it did not take.
            state.end(self.owner);
        }
    }
}

impl State {
    fn free(&self) -> usize {
        self.places.saturating_sub(self.running)
    }

    fn may_run(&self, owner: &Owner) -> bool {
        let provider = self.providers.get(&owner.provider);
        let installation = provider.and_then(|own| own.installations.get(&owner.installation));
        // Whoever asks is there, too.
        let is_alone = self.providers.len() <= usize::from(provider.is_some());
        self.has_room(
            provider.map_or(0, |own| own.running),
            installation.map_or(0, |own| own.running),
            is_alone,
        )
    }

    /// Whether a provider and an installation that hold so many places may have one more. `is_alone`: no other provider
    /// holds any or waits.
    fn has_room(&self, of_provider: usize, of_installation: usize, is_alone: bool) -> bool {
        let free = self.free();
        let left = free.saturating_sub(self.places / KEPT_SHARE);
        let is_due = if of_installation == 0 { free > 0 } else { 2 * of_installation < left };
        let is_of_provider = is_alone
            || of_provider < free.saturating_mul(SHARE_OF_PROVIDER)
            || (of_installation == 0 && left > 0);
        is_due && is_of_provider
    }

    fn of(&mut self, owner: &Owner) -> &mut Provider {
        self.providers.entry(Arc::clone(&owner.provider)).or_default()
    }

    fn run(&mut self, owner: &Owner) {
        self.running += 1;
        let provider = self.of(owner);
        provider.running += 1;
        let installations = &mut provider.installations;
        installations.entry(Arc::clone(&owner.installation)).or_default().running += 1;
    }

    /// Joins the queue. None: it is full, for everyone or for this installation.
    fn wait(&mut self, owner: &Owner) -> Option<(u64, oneshot::Receiver<()>)> {
        let left = self.queue.saturating_sub(self.waiting);
        let number = self.next;
        let provider = self.of(owner);
        let own = provider.installations.entry(Arc::clone(&owner.installation)).or_default();
        // The queue is shared as the places are.
        if own.waiting.len() >= left {
            self.forget(owner);
            return None;
        }
        let (wake, woken) = oneshot::channel();
        own.waiting.push_back(Waiting { number, wake });
        provider.waiting += 1;
        self.waiting += 1;
        self.next += 1;
        Some((number, woken))
    }

    /// Leaves the queue. False: it is not in it any more.
    fn leave(&mut self, owner: &Owner, number: u64) -> bool {
        let provider = self.of(owner);
        let Some(own) = provider.installations.get_mut(&owner.installation) else { return false };
        let Ok(index) = own.waiting.binary_search_by_key(&number, |waiting| waiting.number) else {
            return false;
        };
        own.waiting.remove(index);
        provider.waiting -= 1;
        self.waiting -= 1;
        self.forget(owner);
        // Another provider may be alone now.
        self.serve();
        true
    }

    fn end(&mut self, owner: &Owner) {
        self.leave_place(owner);
        self.serve();
    }

    fn leave_place(&mut self, owner: &Owner) {
        self.running = self.running.saturating_sub(1);
        let provider = self.of(owner);
        provider.running = provider.running.saturating_sub(1);
        if let Some(own) = provider.installations.get_mut(&owner.installation) {
            own.running = own.running.saturating_sub(1);
        }
        self.forget(owner);
    }

    /// Gives places to those who wait and may have one.
    fn serve(&mut self) {
        while let Some(next) = self.next_waiting() {
            self.give(&next);
        }
    }

    /// Who is served next, if somebody may be.
    fn next_waiting(&self) -> Option<Owner> {
        if self.waiting == 0 || self.free() == 0 {
            return None;
        }
        let is_alone = self.providers.len() == 1;
        let providers = self.providers.iter().filter(|(_, provider)| provider.waiting > 0);
        let candidates = providers.flat_map(|(id, provider)| {
            provider.installations.iter().filter_map(move |(installation, own)| {
                let first = own.waiting.front()?;
                let rank = (provider.running, own.running, first.number);
                self.has_room(provider.running, own.running, is_alone).then_some((
                    rank,
                    id,
                    installation,
                ))
            })
        });
        let (_, provider, installation) = candidates.min_by_key(|(rank, ..)| *rank)?;
        Some(Owner { provider: Arc::clone(provider), installation: Arc::clone(installation) })
    }

    fn give(&mut self, owner: &Owner) {
        let provider = self.of(owner);
        let own = provider.installations.get_mut(&owner.installation);
        if let Some(first) = own.and_then(|own| own.waiting.pop_front()) {
            provider.waiting -= 1;
            self.waiting -= 1;
            self.run(owner);
            // Who has left meanwhile gives the place back.
            let _ = first.wake.send(());
        }
    }

    /// Removes an owner that neither holds a place nor waits.
    fn forget(&mut self, owner: &Owner) {
        let Some(provider) = self.providers.get_mut(&owner.provider) else { return };
        let is_idle = |own: &Installation| own.running == 0 && own.waiting.is_empty();
        if provider.installations.get(&owner.installation).is_some_and(is_idle) {
            provider.installations.remove(&owner.installation);
        }
        if provider.installations.is_empty() {
            self.providers.remove(&owner.provider);
        }
    }
}
