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

/// A provider of which some requests fail by chance, as busy or with an internal error, and are not
/// carried out.
#[derive(Clone, Copy, Debug)]
pub struct Unreliable {
    /// Decides which requests fail.
    pub seed: u64,
    /// One request in so many fails. 0: none.
    pub one_in: u32,
}

/// A fault that meets every n-th request, which is then not carried out.
#[derive(Clone, Debug)]
pub struct EveryNth {
    /// How they fail.
    pub kind: FaultKind,
    /// The beginning of the requests that count, as in [`Fault`].
    pub requests: String,
    /// Their numbers 1 × `nth`, 2 × `nth`, 3 × `nth` and so on fail. 0: none.
    pub nth: usize,
}

impl From<FaultKind> for Fault {
    /// Every request fails and is not carried out.
    fn from(kind: FaultKind) -> Self {
        Self { kind, requests: String::new(), skip: 0, has_effect: false }
    }
}

/// The current faults.
#[derive(Default)]
pub struct FaultInjector {
    fault: Option<Fault>,
    /// How many requests the fault has met.
    met: watch::Sender<usize>,
    /// Together with how many requests have counted.
    every_nth: Option<(EveryNth, usize)>,
    /// Together with what decides.
    unreliable: Option<(Unreliable, fastrand::Rng)>,
}

impl FaultInjector {
    /// Sets the fault of the next requests.
    pub fn set(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        self.met.send_replace(0);
    }

    /// Sets the fault of every n-th request, counted from now on.
    pub fn set_every_nth(&mut self, every_nth: Option<EveryNth>) {
        self.every_nth = every_nth.map(|every_nth| (every_nth, 0));
    }

    /// Sets how unreliable the provider is from now on.
    pub fn set_unreliable(&mut self, unreliable: Option<Unreliable>) {
        self.unreliable =
            unreliable.map(|unreliable| (unreliable, fastrand::Rng::with_seed(unreliable.seed)));
    }

    /// How many requests the fault has met.
    pub fn met(&self) -> watch::Receiver<usize> {
        self.met.subscribe()
    }

    /// The fault that a request meets.
    pub fn next(&mut self, request: &str) -> Option<Fault> {
        // Each counts every request, also one that meets another fault.
        let every_nth = self.next_of_every_nth(request);
        let unreliable = self.next_of_unreliable();
        self.next_of_fault(request).or_else(|| every_nth.or(unreliable).map(Fault::from))
    }

    fn next_of_fault(&mut self, request: &str) -> Option<Fault> {
        let fault = self.fault.as_mut().filter(|fault| request.starts_with(&fault.requests))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        self.met.send_modify(|met| *met += 1);
        Some(fault.clone())
    }

    fn next_of_every_nth(&mut self, request: &str) -> Option<FaultKind> {
        let (every_nth, count) = self.every_nth.as_mut()?;
        if !request.starts_with(&every_nth.requests) {
            return None;
        }
        *count += 1;
        count.is_multiple_of(every_nth.nth).then_some(every_nth.kind)
    }

    fn next_of_unreliable(&mut self) -> Option<FaultKind> {
        let (unreliable, random) = self.unreliable.as_mut()?;
        if unreliable.one_in == 0 || random.u32(..unreliable.one_in) > 0 {
            return None;
        }
        Some(if random.bool() { FaultKind::Busy } else { FaultKind::Failing })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds of the faults that so many listings of events meet.
    fn met_by(injector: &mut FaultInjector, requests: usize) -> Vec<Option<FaultKind>> {
        let next = |_| injector.next("GET /v1/events").map(|fault| fault.kind);
        (0..requests).map(next).collect()
    }

    fn every_nth(requests: &str, nth: usize) -> EveryNth {
        EveryNth { kind: FaultKind::Busy, requests: requests.to_owned(), nth }
    }

    #[test]
    fn every_nth_request_fails() {
        let mut injector = FaultInjector::default();
        injector.set_every_nth(Some(every_nth("GET /v1/events", 3)));
        let busy = Some(FaultKind::Busy);
        assert_eq!(met_by(&mut injector, 7), [None, None, busy, None, None, busy, None]);
        assert!(injector.next("GET /v1/refunds").is_none());
        assert_eq!(met_by(&mut injector, 2), [None, busy]);
    }

    #[test]
    fn every_nth_request_of_none_fails_never() {
        let mut injector = FaultInjector::default();
        injector.set_every_nth(Some(every_nth("GET /v1/events", 0)));
        assert_eq!(met_by(&mut injector, 3), [None; 3]);
    }

    #[test]
    fn unreliable_provider_fails_about_as_often_as_it_should_and_repeatably() {
        let met = || {
            let mut injector = FaultInjector::default();
            injector.set_unreliable(Some(Unreliable { seed: 7, one_in: 10 }));
            met_by(&mut injector, 10_000)
        };
        let (met, again) = (met(), met());
        assert_eq!(met, again);
        for kind in [FaultKind::Busy, FaultKind::Failing] {
            let count = met.iter().filter(|met| **met == Some(kind)).count();
            assert!((400..=600).contains(&count), "{count}");
        }
    }

    #[test]
    fn fault_of_a_test_comes_first_and_the_others_count_on() {
        let mut injector = FaultInjector::default();
        injector.set_every_nth(Some(every_nth("", 2)));
        injector.set(Some(FaultKind::Rejected.into()));
        assert_eq!(met_by(&mut injector, 2), [Some(FaultKind::Rejected); 2]);
        injector.set(None);
        assert_eq!(met_by(&mut injector, 2), [None, Some(FaultKind::Busy)]);
    }
}
