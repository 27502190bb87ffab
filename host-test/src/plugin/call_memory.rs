//! The memory of a call's instance: what is beyond a little is reserved before the instance gets it.

use async_trait::async_trait;
use thiserror::Error;
use tokio::time::{Duration, Instant};
use wasmtime::{ResourceLimiter, ResourceLimiterAsync, StoreLimits};

use crate::fair_places::Owner;
use crate::limit::Limit;
use crate::memory_budget::ReservedMemory;
use crate::resources::UNRESERVED_MEMORY;

/// How long a call that holds memory waits for more: it keeps others waiting meanwhile. Our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The host has no more memory for the call.
#[derive(Clone, Copy, Debug, Error)]
#[error("the host's limit `{}` is reached", .0.as_str())]
pub struct HostLimitReached(pub Limit);

/// The memory of a call's instance.
pub struct CallMemory {
    limits: StoreLimits,
    reserved: ReservedMemory,
    /// What the instance has, in bytes.
    bytes: usize,
    /// When a call that holds no reserved memory is ended.
    until: Instant,
}

impl CallMemory {
    /// Nothing yet.
    pub fn new(limits: StoreLimits, reserved: ReservedMemory, until: Instant) -> Self {
        Self { limits, reserved, bytes: 0, until }
    }

    /// Another call in the same instance, which is ended at a time.
    pub fn restart(&mut self, until: Instant) {
        self.until = until;
    }

    /// What is reserved is another owner's from now on. Returns whether the owner may have so much.
    pub fn pass_to(&mut self, owner: &Owner) -> bool {
        self.reserved.pass_to(owner)
    }

    /// What the instance has had at most, in bytes: its memories never shrink.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves what is missing for so many bytes.
    async fn reserve(&mut self, bytes: usize) -> Result<(), HostLimitReached> {
        let missing = bytes.saturating_sub(UNRESERVED_MEMORY + self.reserved.bytes());
        if missing > 0 {
            let until = if self.reserved.bytes() == 0 {
                self.until
            } else {
                self.until.min(Instant::now() + LONGEST_WAIT)
            };
            if !self.reserved.grow(missing, until).await {
                return Err(HostLimitReached(Limit::Memory));
            }
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[async_trait]
impl ResourceLimiterAsync for CallMemory {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if !self.limits.memory_growing(current, desired, maximum)? {
            return Ok(false);
        }
        self.reserve(self.bytes.saturating_add(desired.saturating_sub(current))).await?;
        Ok(true)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}
