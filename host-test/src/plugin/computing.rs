//! The time that a call computes: bounded, and in turns with others after a short while.
//!
//! A call that computes for long holds a thread. So after its first slices it needs a turn for each further one, of
//! which there are fewer than cores, and which are shared fairly: what spins slows calls of others that compute for long,
//! and no call that computes shortly.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::UpdateDeadline;

use crate::fair_places::{FairPlaces, Owner, Place};

/// How long a call may compute, waiting not included. Source: the contract. A delivery takes about 50 µs.
const MAXIMUM: Duration = Duration::from_secs(1);
/// How long a call computes before it needs turns. Our own choice: a delivery of 1 MiB takes about as long.
const WITHOUT_TURNS: Duration = Duration::from_millis(20);
/// How long a call waits for one turn. Its own time limit ends it earlier.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What a call has computed.
pub struct Computing {
    owner: Owner,
    turns: FairPlaces,
    /// What it has computed in the slices before this one.
    before: Duration,
    slice: Arc<Mutex<Slice>>,
}

/// A stretch of computing that nothing has interrupted.
struct Slice {
    /// When it began. None: the call waits.
    since: Option<Instant>,
    /// The turn to compute, if it needs one.
    turn: Option<Place>,
}

impl Computing {
    /// A call that begins to compute now.
    pub fn new(owner: Owner, turns: FairPlaces) -> Self {
        let slice = Slice { since: Some(Instant::now()), turn: None };
        Self { owner, turns, before: Duration::ZERO, slice: Arc::new(Mutex::new(slice)) }
    }

    /// The call waits from now on.
    pub fn pause(&mut self) {
        let mut slice = lock(&self.slice);
        self.before += slice.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        slice.turn = None;
    }

    /// The call computes again: one that has computed for long as soon as it has a turn.
    pub async fn resume(&mut self) {
        if self.before > WITHOUT_TURNS {
            next_turn(&self.turns, &self.owner, &self.slice).await;
        } else {
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        lock(&self.slice).since = Some(Instant::now());
    }

    /// The turns are another owner's from now on.
    pub fn pass_to(&mut self, owner: &Owner) {
        self.owner = owner.clone();
    }

    /// Begins a new count, for a call in an instance that is used again.
    pub fn restart(&mut self) {
        self.before = Duration::ZERO;
        self.go_on();
    }

    /// What it has computed so far.
    pub fn total(&self) -> Duration {
        let slice = lock(&self.slice).since.map_or(Duration::ZERO, |since| since.elapsed());
        self.before + slice
    }

    /// The end of a slice: what comes next.
    pub fn next_slice(&mut self) -> UpdateDeadline {
        self.pause();
        if self.before > MAXIMUM {
            return UpdateDeadline::Interrupt;
        }
        if self.before <= WITHOUT_TURNS {
            self.go_on();
            // A yield lets the timeout of the call fire.
            return UpdateDeadline::Yield(1);
        }
        let (turns, owner) = (self.turns.clone(), self.owner.clone());
        let slice = Arc::clone(&self.slice);
        let next: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            // Others have their turn also where none wait for this one.
            tokio::task::yield_now().await;
            next_turn(&turns, &owner, &slice).await;
        });
        UpdateDeadline::YieldCustom(1, next)
    }
}

/// Waits for a turn, and begins a slice with it.
async fn next_turn(turns: &FairPlaces, owner: &Owner, slice: &Mutex<Slice>) {
    let turn = turns.acquire(owner, Instant::now() + LONGEST_WAIT).await.ok();
    *lock(slice) = Slice { since: Some(Instant::now()), turn };
}

fn lock(slice: &Mutex<Slice>) -> MutexGuard<'_, Slice> {
    slice.lock().unwrap_or_else(PoisonError::into_inner)
}
