//! The state of a store, and the imports of the guest.

use futures_util::future::join_all;
use wasmtime::StoreLimits;

use crate::contract::http;
use crate::egress::Egress;

/// The state of one call.
pub struct CallState {
    pub egress: Egress,
    pub limits: StoreLimits,
    /// How many ticks the guest has computed.
    pub ticks: u32,
}

impl crate::contract::types::Host for CallState {}

impl http::Host for CallState {
    async fn send(
        &mut self,
        requests: Vec<http::Request>,
    ) -> Vec<Result<http::Response, http::Failure>> {
        join_all(requests.into_iter().map(|request| self.egress.send(request))).await
    }
}
