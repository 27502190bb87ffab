//! Faults: requests that fail as Stripe or the connection to it may fail.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use clap::ValueEnum;
use tokio::sync::watch;

use crate::error::ApiError;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaultKind {
    /// 429: too many requests
    Busy,
    /// 500: Stripe has an internal error
    Failing,
    /// 500, and every repetition with the same idempotency key gets the same answer
    FailingForKey,
    /// The connection stays open, and no answer comes
    Silent,
    /// The connection breaks in the middle of the answer
    Broken,
    /// 401: the key has been deleted in the Dashboard
    Rejected,
}

/// A fault, and the requests that it meets.
#[derive(Clone, Debug)]
pub struct Fault {
    /// How they fail.
    pub kind: FaultKind,
    /// The beginning of the requests that it meets, such as `POST /v1/webhook_endpoints`. Empty: all.
    pub requests: String,
    /// How many of them succeed first.
    pub skip: usize,
    /// Whether a request is carried out although it fails.
    pub has_effect: bool,
}

impl From<FaultKind> for Fault {
    /// Every request fails and is not carried out.
    fn from(kind: FaultKind) -> Self {
        Self { kind, requests: String::new(), skip: 0, has_effect: false }
    }
}

/// The current fault, and how many requests it has met.
pub struct FaultInjector {
    fault: Option<Fault>,
    met: watch::Sender<usize>,
}

impl Default for FaultInjector {
    fn default() -> Self {
        Self { fault: None, met: watch::Sender::new(0) }
    }
}

impl FaultInjector {
    /// Sets the fault of the next requests.
    pub fn set(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        self.met.send_replace(0);
    }

    /// How many requests it has met.
    pub fn met(&self) -> watch::Receiver<usize> {
        self.met.subscribe()
    }

    /// The fault that a request meets.
    pub fn next(&mut self, request: &str) -> Option<Fault> {
        let fault = self.fault.as_mut().filter(|fault| request.starts_with(&fault.requests))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        self.met.send_modify(|met| *met += 1);
        Some(fault.clone())
    }
}

/// The answer to a request that meets a fault.
pub async fn answer(kind: FaultKind) -> Response {
    match kind {
        FaultKind::Busy => {
            let reason = [("stripe-rate-limited-reason", "global-rate")];
            (reason, ApiError::too_many_requests()).into_response()
        }
        FaultKind::Failing | FaultKind::FailingForKey => ApiError::server_error().into_response(),
        FaultKind::Rejected => ApiError::wrong_key("sk_****").into_response(),
        FaultKind::Silent => std::future::pending().await,
        FaultKind::Broken => {
            let parts = [Ok("{\"object\":"), Err(std::io::Error::other("broken off"))];
            Body::from_stream(futures_util::stream::iter(parts)).into_response()
        }
    }
}
