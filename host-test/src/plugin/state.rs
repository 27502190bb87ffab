//! The state of a store, and the imports of the guest.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::call_memory::CallMemory;
use super::computing::Computing;
use crate::contract::http;
use crate::egress::Egress;
use crate::fair_places::Owner;

/// The state of one call.
pub struct CallState {
    pub egress: Egress,
    pub memory: CallMemory,
    pub computing: Computing,
    /// How often `send` was called, and with how many requests.
    pub sends: u32,
    pub requests: u32,
}

impl CallState {
    /// The instance goes on for another owner. Returns whether its memory may be the owner's.
    pub fn pass_to(&mut self, owner: &Owner) -> bool {
        self.computing.pass_to(owner);
        self.memory.pass_to(owner)
    }

    /// Begins another call in the same instance, which ends at a time.
    pub fn restart(&mut self, egress: Egress, until: Instant) {
        self.egress = egress;
        self.memory.restart(until);
        self.computing.restart();
        (self.sends, self.requests) = (0, 0);
    }
}

impl crate::contract::types::Host for CallState {}

impl http::Host for CallState {
    async fn send(
        &mut self,
        requests: Vec<http::Request>,
    ) -> Vec<Result<http::Response, http::Failure>> {
        self.computing.pause();
        self.sends = self.sends.saturating_add(1);
        let requested = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        self.requests = self.requests.saturating_add(requested);
        self.egress.begin_send();
        let answers = join_all(requests.into_iter().map(|request| self.egress.send(request))).await;
        self.computing.resume().await;
        answers
    }
}
