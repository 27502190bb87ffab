//! The memory of all calls together: it is reserved before it is used.
//!
//! A call has a little that needs no reservation, so that ordinary calls never wait for memory. What is beyond that comes
//! from a budget of the whole host, of which an owner that holds some may hold at most as much as it leaves free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::fair_places::Owner;

/// The budget. Its clones are one budget.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: usize,
    state: Mutex<State>,
    /// Notified whenever memory is given back.
    given_back: Notify,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// What each owner holds.
    held: HashMap<Owner, usize>,
}

/// Memory that is reserved. It is given back when this is dropped.
#[derive(Debug)]
pub struct ReservedMemory {
    budget: MemoryBudget,
    owner: Owner,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let state = Mutex::new(State { free: bytes, held: HashMap::new() });
        Self(Arc::new(Shared { bytes, state, given_back: Notify::new() }))
    }

    /// Nothing yet, for an owner.
    #[must_use]
    pub fn reserved(&self, owner: &Owner) -> ReservedMemory {
        ReservedMemory { budget: self.clone(), owner: owner.clone(), bytes: 0 }
    }

    /// How many bytes are reserved, and how many there are.
    #[must_use]
    pub fn in_use(&self) -> (usize, usize) {
        (self.0.bytes - self.lock().free, self.0.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_take(&self, owner: &Owner, bytes: usize) -> bool {
        self.lock().try_take(owner, bytes)
    }
}

impl State {
    fn try_take(&mut self, owner: &Owner, bytes: usize) -> bool {
        let Some(left) = self.free.checked_sub(bytes) else { return false };
        let held = self.held.get(owner).copied().unwrap_or(0);
        if held > 0 && held + bytes > left {
            return false;
        }
        self.free = left;
        self.held.insert(owner.clone(), held + bytes);
        true
    }

    fn give_back(&mut self, owner: &Owner, bytes: usize) {
        self.free += bytes;
        if let Some(held) = self.held.get_mut(owner) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.held.remove(owner);
            }
        }
    }
}

impl ReservedMemory {
    /// It is another owner's from now on, unless that one may not take so much. Returns whether it is.
    pub fn pass_to(&mut self, owner: &Owner) -> bool {
        if self.bytes > 0 && self.owner != *owner {
            let mut state = self.budget.lock();
            state.give_back(&self.owner, self.bytes);
            if !state.try_take(owner, self.bytes) {
                // It was this owner's a moment ago.
                state.free -= self.bytes;
                *state.held.entry(self.owner.clone()).or_default() += self.bytes;
                return false;
            }
        }
        self.owner = owner.clone();
        true
    }

    /// How many bytes are reserved.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more, as soon as there is so much, but not after a time. Returns whether it is reserved.
    pub async fn grow(&mut self, bytes: usize, until: Instant) -> bool {
        loop {
            let given_back = self.budget.0.given_back.notified();
            let mut given_back = std::pin::pin!(given_back);
            // Before the try, so that nothing is missed between the two.
            given_back.as_mut().enable();
            if self.budget.try_take(&self.owner, bytes) {
                self.bytes += bytes;
                return true;
            }
            if timeout_at(until, given_back).await.is_err() {
                return false;
            }
        }
    }
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        self.budget.lock().give_back(&self.owner, self.bytes);
        self.budget.0.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn owner_leaves_memory_to_others() {
        let budget = MemoryBudget::new(120);
        let now = Instant::now();
        let (mut greedy, mut other) =
            (budget.reserved(&Owner::new("A", "1")), budget.reserved(&Owner::new("A", "2")));
        assert!(greedy.grow(10, now).await && greedy.grow(50, now).await);
        assert!(!greedy.grow(1, now).await);
        assert!(other.grow(30, now).await);
        assert!(!other.grow(1, now).await);
        // Who holds nothing gets what is left.
        assert!(budget.reserved(&Owner::new("A", "3")).grow(30, now).await);
        assert_eq!(budget.in_use(), (90, 120));
        drop((greedy, other));
        assert_eq!(budget.in_use(), (0, 120));
        assert!(budget.lock().held.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_passes_to_another_owner_who_may_have_it() {
        let budget = MemoryBudget::new(100);
        let now = Instant::now();
        let (a, b) = (Owner::new("A", "1"), Owner::new("A", "2"));
        let mut passed = budget.reserved(&Owner::default());
        assert!(passed.grow(40, now).await && passed.pass_to(&a));
        assert_eq!(budget.lock().held, HashMap::from([(a.clone(), 40)]));
        let mut of_b = budget.reserved(&b);
        assert!(of_b.grow(50, now).await);
        // Another one holds too much already.
        assert!(!passed.pass_to(&b));
        assert_eq!(budget.lock().held, HashMap::from([(a.clone(), 40), (b.clone(), 50)]));
        assert_eq!(budget.in_use(), (90, 100));
        drop((passed, of_b));
        assert_eq!(budget.in_use(), (0, 100));
        // Nothing is passed without a trace.
        assert!(budget.reserved(&a).pass_to(&b) && budget.lock().held.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_that_is_given_back_is_used_at_once() {
        let budget = MemoryBudget::new(90);
        let mut first = budget.reserved(&Owner::new("A", "1"));
        let mut second = budget.reserved(&Owner::new("A", "2"));
        assert!(first.grow(60, Instant::now()).await);
        let until = Instant::now() + Duration::from_secs(9);
        let (is_reserved, ()) = tokio::join!(second.grow(50, until), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(is_reserved && Instant::now() < until);
        // And what never comes is waited for no longer than that.
        assert!(!second.grow(50, until).await);
        assert_eq!(Instant::now(), until);
    }
}
