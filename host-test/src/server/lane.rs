//! The lane of senders in bad standing: a few places and a short queue of their own, so that they slow nobody else. It
//! is no ban: such a sender may be a proxy that the operator has not named, with genuine deliveries among the others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fair_places::FairPlaces;

/// Deliveries of the lane that are processed at the same time. Our own choice.
const PLACES: usize = 4;
/// Deliveries of the lane that are read, wait or are processed. Our own choice.
const QUEUE: usize = 20;
/// How many times as fast as others a body of the lane has to arrive. Our own choice: a slow one holds up the others of
/// the lane.
pub const HASTE: u32 = 5;

/// The lane.
#[derive(Clone)]
pub struct Lane {
    queue: Arc<Semaphore>,
    /// A place for each delivery that may be processed now.
    pub places: FairPlaces,
}

impl Lane {
    pub fn new() -> Self {
        Self { queue: Arc::new(Semaphore::new(QUEUE)), places: FairPlaces::new(PLACES, QUEUE) }
    }

    /// A turn in the queue. None: it is full.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.queue).try_acquire_owned().ok()
    }
}
