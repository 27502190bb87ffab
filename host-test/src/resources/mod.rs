//! What all calls of this process share: the places of the pool, the turns to compute, memory, and requests.

mod limits;

use std::sync::OnceLock;
use std::thread::available_parallelism;

use crate::fair_places::FairPlaces;
use crate::limit::Limit;
use crate::memory_budget::MemoryBudget;
use crate::telemetry::Telemetry;
pub use limits::ResourceLimits;

/// How much memory of its instance a call has without a reservation, in bytes. Our own choice: an ordinary call of a
/// plugin in Rust uses less.
pub const UNRESERVED_MEMORY: usize = 2 << 20;
/// How many requests may wait. Our own choice: a call sends at most 128.
const WAITING_REQUESTS: usize = 8192;
/// How many calls may wait for a turn to compute. Our own choice: many more than there are places.
const WAITING_TURNS: usize = 4096;

/// What all calls of this process share.
#[derive(Debug)]
pub struct Resources {
    /// The places of the pool of instances.
    pub places: FairPlaces,
    /// The turns of calls that compute for long: only so many do at the same time.
    pub turns: FairPlaces,
    /// The memory.
    pub memory: MemoryBudget,
    /// The requests to providers.
    pub requests: FairPlaces,
}

static SHARED: OnceLock<Resources> = OnceLock::new();

impl Resources {
    /// Those of this process: there is one pool of instances.
    pub fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::within(ResourceLimits::default()))
    }

    /// Sets the limits of this process. It has no effect after the first call.
    pub fn set_limits(limits: ResourceLimits) {
        let _ = SHARED.set(Self::within(limits));
    }

    /// Measures what is in use.
    pub fn measure(&self, telemetry: &Telemetry) {
        let places = self.places.in_use();
        telemetry.set_in_use(Limit::Places, places.running, places.places);
        telemetry.set_in_use(Limit::Queue, places.waiting, places.queue);
        let requests = self.requests.in_use();
        telemetry.set_in_use(Limit::Requests, requests.running, requests.places);
        let (reserved, most) = self.memory.in_use();
        telemetry.set_in_use(Limit::Memory, reserved, most);
    }

    fn within(limits: ResourceLimits) -> Self {
        let places = limits.places as usize;
        let memory = (limits.memory as usize) << 20;
        // At least one core is left to everything else.
        let turns = available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self {
            places: FairPlaces::new(places, limits.queue as usize),
            turns: FairPlaces::new(turns, WAITING_TURNS),
            memory: MemoryBudget::new(memory.saturating_sub(places * UNRESERVED_MEMORY)),
            requests: FairPlaces::new(limits.requests as usize, WAITING_REQUESTS),
        }
    }
}
