//! What the requests of a call use: turns, memory, and how many an installation may send in a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::RequestLimits;
use super::client::failure;
use crate::contract::http::{Failure, FailureKind};
use crate::fair_places::{Owner, Place};
use crate::limits::Limit;
use crate::memory_budget::ReservedMemory;
use crate::resources::Resources;
use crate::telemetry::Telemetry;

/// How many bytes of a response need no reservation. Our own choice: an ordinary response has a few kilobytes.
const UNRESERVED: usize = 64 << 10;
/// How many bytes are reserved at once where the length of a response is not known. Our own choice.
const STEP: usize = 256 << 10;
const MINUTE: Duration = Duration::from_mins(1);
/// How many installations are remembered before those of earlier minutes are forgotten. Our own choice.
const REMEMBERED: usize = 1024;

/// How many requests each installation has sent in its minute.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<Owner, (Instant, u32)>>);

impl Rates {
    /// Counts a request. False: the installation has used up its minute.
    fn take(&self, owner: &Owner, most: u32) -> bool {
        let (mut minutes, now) = (lock(&self.0), Instant::now());
        if minutes.len() >= REMEMBERED {
            minutes.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
        }
        let (since, sent) = minutes.entry(owner.clone()).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *sent) = (now, 0);
        }
        let is_left = *sent < most;
        *sent += u32::from(is_left);
        is_left
    }
}

/// What the requests of one call use.
pub(super) struct CallBudget {
    owner: Owner,
    limits: RequestLimits,
    rates: Arc<Rates>,
    telemetry: Arc<Telemetry>,
    at_once: Semaphore,
    held: Mutex<Held>,
}

/// The responses that a call holds.
struct Held {
    bytes: usize,
    /// What is reserved for them.
    reserved: Vec<ReservedMemory>,
}

/// The turn of one request.
pub(super) struct Turn<'a> {
    _of_call: SemaphorePermit<'a>,
    _of_host: Place,
}

impl CallBudget {
    pub fn new(
        owner: Owner,
        limits: RequestLimits,
        rates: Arc<Rates>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let at_once = Semaphore::new(limits.requests_at_once as usize);
        let held = Mutex::new(Held { bytes: 0, reserved: Vec::new() });
        Self { owner, limits, rates, telemetry, at_once, held }
    }

    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The failure of a request that a limit has stopped.
    fn reached(&self, limit: Limit, request_sent: bool) -> Failure {
        self.telemetry.limit(limit, &self.owner.installation);
        let message = format!("the host's limit `{}` is reached", limit.as_str());
        Failure { request_sent, ..failure(FailureKind::LimitReached, &message) }
    }

    /// The responses of the last `send` are with the plugin: the host holds them no more.
    pub fn begin_send(&self) {
        *lock(&self.held) = Held { bytes: 0, reserved: Vec::new() };
    }

    /// Waits until the request may be sent.
    pub async fn turn(&self, until: Instant) -> Result<Turn<'_>, Failure> {
        if !self.rates.take(&self.owner, self.limits.requests_per_minute) {
            return Err(self.reached(Limit::RequestsPerMinute, false));
        }
        let of_call = timeout_at(until, self.at_once.acquire()).await;
        let Ok(Ok(of_call)) = of_call else {
            return Err(self.reached(Limit::RequestsAtOnce, false));
        };
        let of_host = Resources::shared().requests.acquire(&self.owner, until).await;
        let of_host = of_host.map_err(|_| self.reached(Limit::Requests, false))?;
        Ok(Turn { _of_call: of_call, _of_host: of_host })
    }

    /// The room for one response.
    pub fn response(&self, until: Instant) -> ResponseRoom<'_> {
        let reserved = Resources::shared().memory.reserved(&self.owner);
        ResponseRoom { budget: self, reserved, until, bytes: 0 }
    }
}

/// The room for one response: it is reserved before the response is read.
pub(super) struct ResponseRoom<'a> {
    budget: &'a CallBudget,
    reserved: ReservedMemory,
    until: Instant,
    /// What the call holds for this response.
    bytes: usize,
}

impl ResponseRoom<'_> {
    /// Makes room for a response of this length, or of at least this length. Returns how much there is.
    pub async fn grow(&mut self, length: usize, is_known: bool) -> Result<usize, Failure> {
        let room = if is_known { length } else { length.next_multiple_of(STEP).min(length + STEP) };
        let room = if length <= UNRESERVED { UNRESERVED } else { room };
        let more = room.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(self.bytes);
        }
        {
            let mut held = lock(&self.budget.held);
            if held.bytes + more > (self.budget.limits.call_bytes as usize) << 20 {
                return Err(self.budget.reached(Limit::CallBytes, true));
            }
            held.bytes += more;
        }
        self.bytes = room;
        let missing = room.saturating_sub(UNRESERVED + self.reserved.bytes());
        if missing > 0 && !self.reserved.grow(missing, self.until).await {
            return Err(self.budget.reached(Limit::Memory, true));
        }
        Ok(room)
    }

    /// Keeps the room for a response that was read: the plugin has not got it yet.
    pub fn keep(self) {
        if self.reserved.bytes() > 0 {
            lock(&self.budget.held).reserved.push(self.reserved);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn minute_of_an_installation_is_bounded() {
        let rates = Rates::default();
        let (one, other) = (Owner::new("A", "1"), Owner::new("A", "2"));
        let taken = |owner: &Owner| (0..100).filter(|_| rates.take(owner, 60)).count();
        assert_eq!((taken(&one), taken(&one), taken(&other)), (60, 0, 60));
        tokio::time::advance(MINUTE).await;
        assert_eq!(taken(&one), 60);
        for number in 0..10 * REMEMBERED {
            tokio::time::advance(Duration::from_millis(100)).await;
            rates.take(&Owner::new("A", &number.to_string()), 60);
        }
        assert!(lock(&rates.0).len() <= REMEMBERED + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn call_holds_no_more_than_its_bytes() {
        let limits = RequestLimits { call_bytes: 1, ..RequestLimits::default() };
        let telemetry = Arc::new(Telemetry::new("A"));
        let budget = CallBudget::new(Owner::new("A", "1"), limits, Arc::default(), telemetry);
        let until = Instant::now() + MINUTE;
        let mut small = budget.response(until);
        assert_eq!(small.grow(10, false).await.unwrap(), UNRESERVED);
        assert_eq!(small.reserved.bytes(), 0);
        let mut large = budget.response(until);
        assert_eq!(large.grow(900 << 10, true).await.unwrap(), 900 << 10);
        assert_eq!(large.reserved.bytes(), (900 << 10) - UNRESERVED);
        let refused = budget.response(until).grow(100 << 10, true).await.unwrap_err();
        assert!(refused.message.contains("`call-bytes`") && refused.request_sent, "{refused:?}");
        large.keep();
        budget.begin_send();
        assert_eq!(budget.response(until).grow(100 << 10, true).await.unwrap(), 100 << 10);
    }
}
