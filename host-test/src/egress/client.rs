//! The HTTP clients, and what can fail with them.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::HeaderMap;
use url::{Host, Url};

use super::address::is_public;
use super::budget::ResponseRoom;
use super::resolver::{NoAddressAllowed, Resolver, of_system};
use crate::contract::http::{Failure, FailureKind, Response};

/// How large the headers of a response may be, in bytes. Our own choice: those of known providers have 2 KB.
const LARGEST_HEADERS: usize = 32 << 10;
/// How long a request may take. Source: the contract.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How many idle connections to a host are kept: each is an open file. Our own choice.
const MOST_IDLE: usize = 8;

/// The HTTP clients of a host. All installations share them: their connections, not their credentials.
#[derive(Clone)]
pub struct Clients {
    /// Reaches public addresses only.
    public: Client,
    /// Reaches what stands in for a provider, on this machine only.
    loopback: Client,
    /// None: nobody wants to know what is called on the network.
    first_calls: Option<Arc<FirstCalls>>,
}

/// Tells somebody of the first request to each origin on the network.
struct FirstCalls {
    tell: fn(&str),
    called: Mutex<BTreeSet<String>>,
}

impl FirstCalls {
    fn call(&self, url: &Url) {
        let origin = url.origin().ascii_serialization();
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        if !called.contains(&origin) {
            (self.tell)(&origin);
            // The manifest names them all.
            called.insert(origin);
        }
    }
}

impl Clients {
    /// New clients.
    ///
    /// # Errors
    ///
    /// The platform's certificates cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::resolving(of_system)
    }

    /// New clients that ask `lookup` for the addresses of a name.
    pub(super) fn resolving<L, F>(lookup: L) -> Result<Self, reqwest::Error>
    where
        L: Fn(String) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let loopback = with(Resolver { lookup: lookup.clone(), is_allowed: is_loopback })?;
        let public = with(Resolver { lookup, is_allowed: is_public })?;
        Ok(Self { public, loopback, first_calls: None })
    }

    /// Clients that tell of the first request to each origin on the network, before it is sent.
    #[must_use]
    pub fn warning(self, tell: fn(&str)) -> Self {
        Self { first_calls: Some(Arc::new(FirstCalls { tell, called: Mutex::default() })), ..self }
    }

    /// Sends a request to a public address, or to this machine if something there stands in for its origin.
    pub(super) async fn execute(
        &self,
        request: reqwest::Request,
        is_stand_in: bool,
    ) -> Result<reqwest::Response, Failure> {
        // No resolver is asked about an address. Those that stand in were checked when they were given.
        if !is_stand_in && !matches!(request.url().host(), Some(Host::Domain(_))) {
            return Err(denied("an address cannot be called, only a name"));
        }
        if let Some(first_calls) = self.first_calls.as_ref().filter(|_| !is_stand_in) {
            first_calls.call(request.url());
        }
        let client = if is_stand_in { &self.loopback } else { &self.public };
        client.execute(request).await.map_err(|error| from_client(&error))
    }
}

/// A client that reaches this machine only: the demo and the tests are customers and providers with it.
///
/// # Errors
///
/// The platform's certificates cannot be read.
pub fn client() -> Result<Client, reqwest::Error> {
    with(Resolver { lookup: of_system, is_allowed: is_loopback })
}

fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

fn with<L, F>(resolver: Resolver<L>) -> Result<Client, reqwest::Error>
where
    L: Fn(String) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .dns_resolver(resolver)
        .redirect(reqwest::redirect::Policy::none())
        // What remains is in hyper's pool: a request that it has not begun to write, because a reused connection was
        // closed, is sent on another one. Nothing of it has left this machine.
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(MOST_IDLE)
        .timeout(REQUEST_TIMEOUT)
        .user_agent(concat!("brain-studio-host-test/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Reads the body of a response, up to a size. `room`: what has to be reserved for it.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    maximum: usize,
    mut room: Option<&mut ResponseRoom<'_>>,
) -> Result<Vec<u8>, Failure> {
    let known = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| from_client(&error))? {
        if body.len() + chunk.len() > maximum {
            return Err(Failure {
                kind: FailureKind::TooLarge,
                message: "the response is too large".to_owned(),
                request_sent: true,
            });
        }
        if let Some(room) = &mut room {
            let length = known.filter(|known| *known <= maximum).unwrap_or(0);
            let length = length.max(body.len() + chunk.len());
            let capacity = room.grow(length, known.is_some()).await?;
            body.reserve_exact(capacity.saturating_sub(body.len()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How many bytes the headers of a response have.
pub(super) fn headers_length(headers: &HeaderMap) -> Result<usize, Failure> {
    let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if length <= LARGEST_HEADERS {
        return Ok(length);
    }
    Err(Failure {
        kind: FailureKind::TooLarge,
        message: "the headers of the response are too large".to_owned(),
        request_sent: true,
    })
}

/// The failure of a request that is not allowed.
pub(super) fn denied(message: &str) -> Failure {
    failure(FailureKind::Denied, message)
}

/// A failure before the request was sent.
pub(super) fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), request_sent: false }
}

/// The failure for an error of the client. After the connection was made, the request may have reached the
/// provider.
fn from_client(error: &reqwest::Error) -> Failure {
    let (kind, message) = if cause::<NoAddressAllowed>(error).is_some() {
        (FailureKind::Denied, "the name of the origin has no public address")
    } else if error.is_connect() {
        (FailureKind::Unreachable, "no connection could be made")
    } else if error.is_timeout() {
        (FailureKind::TimedOut, "no response came in time")
    } else if error.is_builder() {
        (FailureKind::Denied, "the request cannot be sent")
    } else if cause(error).is_some_and(hyper::Error::is_parse_too_large) {
        // hyper reads 100 headers, and about 400 KiB of them.
        (FailureKind::TooLarge, "the headers of the response are too many or too large")
    } else {
        (FailureKind::Interrupted, "the connection broke")
    };
    Failure {
        kind,
        message: message.to_owned(),
        request_sent: !(error.is_connect() || error.is_builder()),
    }
}

/// The first error of a type among those that caused an error.
fn cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// What a request came to, for the metrics.
pub(super) fn outcome_of(answer: &Result<Response, Failure>) -> &'static str {
    match answer {
        Ok(response) => match response.status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        Err(failure) => match failure.kind {
            FailureKind::Denied => "denied",
            FailureKind::LimitReached => "limit-reached",
            FailureKind::Unauthorized => "unauthorized",
            FailureKind::Unreachable => "unreachable",
            FailureKind::TimedOut => "timed-out",
            FailureKind::Interrupted => "interrupted",
            FailureKind::TooLarge => "too-large",
            FailureKind::Other => "other",
        },
    }
}
