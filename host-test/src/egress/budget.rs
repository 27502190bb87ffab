//! What the requests of a call use: turns, memory, and how many an installation may send in a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::RequestLimits;
use super::client::failure;
use crate::contract::http::{Failure, FailureKind};
use crate::fair_places::{Owner, Place};
use crate::limit::Limit;
use crate::memory_budget::ReservedMemory;
use crate::recent::Recent;
use crate::resources::Resources;
use crate::telemetry::Telemetry;

/// How many bytes of its responses a call holds without a reservation. Our own choice: an ordinary response has a few
/// kilobytes.
const UNRESERVED: usize = 128 << 10;
/// How many bytes of a short response, and of a long one, there is room for at once where its length is not known. Our
/// own choice.
const STEPS: (usize, usize) = (4 << 10, 256 << 10);
/// How long a call that holds memory waits for more: it keeps others waiting meanwhile. Our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_mins(1);
/// How many installations are remembered. Our own choice.
const REMEMBERED: usize = 10_000;

/// How many requests each installation has sent in its minute.
pub(super) struct Rates(Mutex<Recent<Owner, Minute>>);

#[derive(Default)]
struct Minute {
    since: Option<Instant>,
    sent: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(REMEMBERED)))
    }
}

impl Rates {
    /// Counts a request. False: the installation has used up its minute.
    fn take(&self, owner: &Owner, most: u32) -> bool {
        let (mut minutes, now) = (lock(&self.0), Instant::now());
        let minute = minutes.of(owner.clone());
        if minute.since.is_none_or(|since| now.duration_since(since) >= MINUTE) {
            *minute = Minute { since: Some(now), sent: 0 };
        }
        let is_left = minute.sent < most;
        minute.sent += u32::from(is_left);
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
#[derive(Default)]
struct Held {
    bytes: usize,
    /// How many of them are not reserved.
    unreserved: usize,
    /// What is reserved for those that were read.
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
        let held = Mutex::default();
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
        *lock(&self.held) = Held::default();
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
        ResponseRoom { budget: self, reserved: Some(reserved), until, bytes: 0, unreserved: 0 }
    }
}

/// The room for one response: it is reserved before the response is read, and given back if the response is dropped.
pub(super) struct ResponseRoom<'a> {
    budget: &'a CallBudget,
    /// None: the call holds it.
    reserved: Option<ReservedMemory>,
    until: Instant,
    /// What the call holds for this response.
    bytes: usize,
    /// How many of them are not reserved.
    unreserved: usize,
}

impl ResponseRoom<'_> {
    /// Makes room for a response of this length, or of at least this length. Returns how much there is.
    pub async fn grow(&mut self, length: usize, is_known: bool) -> Result<usize, Failure> {
        let (short, long) = STEPS;
        let step = if length > long { long } else { short };
        let room = if is_known { length } else { length.next_multiple_of(step) };
        let more = room.saturating_sub(self.bytes);
        let unreserved = {
            let mut held = lock(&self.budget.held);
            if held.bytes + more > (self.budget.limits.call_bytes as usize) << 20 {
                return Err(self.budget.reached(Limit::CallBytes, true));
            }
            let unreserved = more.min(UNRESERVED.saturating_sub(held.unreserved));
            held.bytes += more;
            held.unreserved += unreserved;
            unreserved
        };
        self.bytes += more;
        self.unreserved += unreserved;
        let until = self.until.min(Instant::now() + LONGEST_WAIT);
        if let Some(reserved) = self.reserved.as_mut().filter(|_| more > unreserved)
            && !reserved.grow(more - unreserved, until).await
        {
            return Err(self.budget.reached(Limit::Memory, true));
        }
        Ok(room)
    }

    /// Keeps the room of a response that was read: the plugin has not got it yet.
    pub fn keep(mut self) {
        let reserved = self.reserved.take().filter(|reserved| reserved.bytes() > 0);
        lock(&self.budget.held).reserved.extend(reserved);
    }
}

impl Drop for ResponseRoom<'_> {
    fn drop(&mut self) {
        if self.reserved.is_some() {
            let mut held = lock(&self.budget.held);
            held.bytes = held.bytes.saturating_sub(self.bytes);
            held.unreserved = held.unreserved.saturating_sub(self.unreserved);
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
    }

    #[tokio::test(start_paused = true)]
    async fn call_holds_no_more_than_its_bytes() {
        let limits = RequestLimits { call_bytes: 1, ..RequestLimits::default() };
        let telemetry = Arc::new(Telemetry::new("A"));
        let budget = CallBudget::new(Owner::new("A", "1"), limits, Arc::default(), telemetry);
        let until = Instant::now() + MINUTE;
        let mut small = budget.response(until);
        assert_eq!(small.grow(10, false).await.unwrap(), 4096);
        let mut large = budget.response(until);
        assert_eq!(large.grow(900 << 10, true).await.unwrap(), 900 << 10);
        let reserved = large.reserved.as_ref().unwrap().bytes();
        assert_eq!(reserved + UNRESERVED, (900 << 10) + 4096);
        let refused = budget.response(until).grow(200 << 10, true).await.unwrap_err();
        assert!(refused.message.contains("`call-bytes`") && refused.request_sent, "{refused:?}");
        // What is dropped is given back, what is kept is not, until the plugin has it.
        drop(small);
        large.keep();
        assert!(budget.response(until).grow(200 << 10, true).await.is_err());
        budget.begin_send();
        assert_eq!(budget.response(until).grow(200 << 10, true).await.unwrap(), 200 << 10);
        assert_eq!(lock(&budget.held).bytes, 0);
    }
}
