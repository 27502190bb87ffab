//! Egress: the `http` capability of a plugin, and the only place that adds credentials to requests.
//!
//! A request is sent if the [`Policy`] allows its origin for the installation's mode. The merchant's
//! credentials are added to requests to the origins that the manifest names for them, and to no other.
//! Redirects are not followed. Time, size and number of requests are limited. A credential in a response is
//! masked before the plugin reads the response.

mod address;
mod authorization;
mod background;
mod budget;
mod client;
#[cfg(test)]
mod connection_tests;
mod credentials;
mod headers;
mod limits;
mod oauth;
mod origin;
mod pages;
mod plugin_headers;
mod policy;
mod ports;
mod prepare;
mod quota;
mod resolver;
mod traced;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::contract::http::{Failure, FailureKind, Request, Response};
use crate::contract::types::Mode;
use crate::fair_places::Owner;
use crate::foreign::Secrets;
use crate::telemetry::{SecurityEvent, Telemetry};
use authorization::Authorization;
pub use background::Meter;
use budget::{CallBudget, Rates};
pub use client::{Clients, client};
use client::{REQUEST_TIMEOUT, denied, failure, headers_length, outcome_of, read_body};
pub use credentials::Credentials;
use headers::{bearer, pair};
pub use limits::RequestLimits;
use oauth::{Tokens, Which};
pub use origin::{LoopbackOrigin, OriginOverride, PolicyError, exact_origin, redirect};
pub use pages::PageOrigins;
pub use policy::Policy;
use policy::Rule;
pub use ports::unusual_ports;
pub use quota::{Quota, Quotas};

/// The largest body of a response, in bytes. Source: the contract.
const MAXIMUM_RESPONSE: usize = 4 << 20;
/// Shorter credentials, in bytes, are not masked: they would match ordinary words. Our own choice.
const SHORTEST_MASKED: usize = 8;
/// How many requests a call may send. Source: the contract.
const MAXIMUM_REQUESTS: u32 = 128;

/// What the installations of a plugin share: connections, the policy and OAuth tokens, but no
/// credentials.
#[derive(Clone)]
pub struct Gateway {
    clients: Clients,
    policy: Arc<Policy>,
    tokens: Arc<Tokens>,
    limits: RequestLimits,
    rates: Arc<Rates>,
    telemetry: Arc<Telemetry>,
}

impl Gateway {
    /// A gateway to the origins of a policy. What is denied is a security event.
    #[must_use]
    pub fn new(
        clients: Clients,
        policy: Policy,
        limits: RequestLimits,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let (policy, tokens, rates) = (Arc::new(policy), Arc::default(), Arc::default());
        Self { clients, policy, tokens, limits, rates, telemetry }
    }

    /// A gateway to the origins of another policy, which shares the connections and what is counted.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self { policy: Arc::new(policy), tokens: Arc::default(), ..self.clone() }
    }

    /// Where customers may be sent, by the manifest.
    #[must_use]
    pub fn page_origins(&self) -> PageOrigins {
        self.policy.page_origins().clone()
    }

    /// The egress of one call, for an installation in a mode with these credentials.
    #[must_use]
    pub fn egress(&self, owner: Owner, mode: Mode, credentials: Credentials) -> Egress {
        let inner = Inner {
            leaks: OnceLock::new(),
            hidden: Mutex::new(traced::hidden(&credentials)),
            gateway: self.clone(),
            mode,
            credentials,
            requests: AtomicU32::new(0),
            budget: CallBudget::new(
                owner,
                self.limits,
                Arc::clone(&self.rates),
                Arc::clone(&self.telemetry),
            ),
        };
        Egress { inner: Some(Arc::new(inner)), deadline: None, quota: None, meter: None }
    }
}

/// The texts to mask in responses: every secret that authorises requests.
fn leaks_of(policy: &Policy, credentials: &Credentials) -> Secrets {
    let mut leaks = Secrets::default();
    let secrets = policy.secret_fields().filter_map(|name| credentials.get(name));
    for secret in secrets {
        leaks.add(secret.expose_secret(), SHORTEST_MASKED);
    }
    for rule in policy.rules() {
        if let Authorization::Basic { user, password } = &rule.authorization
            && let (Some(user), Some(password)) = (credentials.get(user), credentials.get(password))
        {
            leaks.add(&pair(user, password), SHORTEST_MASKED);
        }
    }
    leaks
}

/// The `http` capability of one call for one installation.
#[derive(Clone)]
pub struct Egress {
    /// None: every request is denied.
    inner: Option<Arc<Inner>>,
    /// When every request ends.
    deadline: Option<Instant>,
    /// The quota that every request is charged to.
    quota: Option<Arc<Quota>>,
    /// Counts the reads of the background. None: the call is no background work.
    meter: Option<Arc<Meter>>,
}

struct Inner {
    gateway: Gateway,
    mode: Mode,
    credentials: Credentials,
    /// Found when they are needed: most deliveries send no request.
    leaks: OnceLock<Mutex<Secrets>>,
    /// What the trace hides besides.
    hidden: Mutex<Secrets>,
    requests: AtomicU32,
    budget: CallBudget,
}

impl Egress {
    /// An egress that denies every request.
    #[must_use]
    pub fn none() -> Self {
        Self { inner: None, deadline: None, quota: None, meter: None }
    }

    /// For whom the call is made. Nobody: it may send no requests.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.inner.as_ref().map(|inner| inner.budget.owner().clone()).unwrap_or_default()
    }

    /// The plugin has the responses that were sent for before.
    pub fn begin_send(&self) {
        if let Some(inner) = &self.inner {
            inner.budget.begin_send();
        }
    }

    /// Where customers may be sent.
    #[must_use]
    pub fn page_origins(&self) -> PageOrigins {
        self.inner.as_ref().map(|inner| inner.gateway.page_origins()).unwrap_or_default()
    }

    /// The credentials that it adds to requests.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.inner.as_ref().map(|inner| &inner.credentials)
    }

    /// Reports a security event of its installation.
    pub fn report(&self, event: SecurityEvent, what: impl std::fmt::Display) {
        if let Some(inner) = &self.inner {
            inner.gateway.telemetry.security(event, &inner.budget.owner().installation, what);
        }
    }

    /// Sets the deadline of every request.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Charges every request to a quota.
    #[must_use]
    pub fn charged_to(mut self, quota: Arc<Quota>) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Counts reads, and repeats those that fail as the manifest's rules say.
    #[must_use]
    pub fn in_background(mut self, meter: Arc<Meter>) -> Self {
        self.meter = Some(meter);
        self
    }

    async fn send_untraced(&self, request: Request) -> Result<Response, Failure> {
        let Some(inner) = &self.inner else {
            return Err(denied("this call may not send requests"));
        };
        let answer = self.send_allowed(inner, request).await;
        if let Err(failure) = &answer
            && failure.kind == FailureKind::Denied
        {
            // Without what the plugin wrote, which stands after a colon: it may hold a signing secret.
            let (why, _) = failure.message.split_once(':').unwrap_or((&failure.message, ""));
            self.report(SecurityEvent::Denied, why);
        }
        answer
    }

    async fn send_allowed(&self, inner: &Inner, request: Request) -> Result<Response, Failure> {
        if inner.requests.fetch_add(1, Ordering::Relaxed) >= MAXIMUM_REQUESTS {
            return Err(failure(FailureKind::LimitReached, "too many requests in one call"));
        }
        if let Some(Err(limit)) = self.quota.as_ref().map(|quota| quota.take()) {
            let name = limit.as_str();
            let message =
                format!("too many requests for deliveries that are not verified ({name})");
            return Err(failure(FailureKind::LimitReached, &message));
        }
        let (rule, request) = inner.prepare(request)?;
        let _turn = inner.budget.turn(Instant::now() + self.time_left()).await?;
        let Authorization::ClientCredentials(grant) = &rule.authorization else {
            return self.execute(inner, rule, request).await;
        };
        let token = async |which: Which<'_>| {
            let Gateway { tokens, clients, .. } = &inner.gateway;
            let deadline = Instant::now() + self.time_left();
            tokens.token(grant, clients, &inner.credentials, deadline, which).await
        };
        let first = token(Which::Any).await?;
        let response = self.send_with_token(inner, rule, &request, &first.value).await?;
        // The token was revoked since it was stored, and nothing was carried out: the request is sent again, once.
        if response.status != 401 || !first.was_stored {
            return Ok(response);
        }
        let second = token(Which::But(&first.value)).await?;
        self.send_with_token(inner, rule, &request, &second.value).await
    }

    async fn send_with_token(
        &self,
        inner: &Inner,
        rule: &Rule,
        request: &reqwest::Request,
        token: &SecretString,
    ) -> Result<Response, Failure> {
        inner.leaks().add(token.expose_secret(), SHORTEST_MASKED);
        let mut request =
            request.try_clone().ok_or_else(|| denied("the request cannot be sent"))?;
        request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        self.execute(inner, rule, request).await
    }

    async fn execute(
        &self,
        inner: &Inner,
        rule: &Rule,
        request: reqwest::Request,
    ) -> Result<Response, Failure> {
        let Some(meter) = self.meter.as_ref().filter(|_| request.method() == Method::GET) else {
            return self.execute_measured(inner, rule, request).await;
        };
        let mut repeats = 0;
        loop {
            // A request without a body can always be cloned.
            let copy = request.try_clone().ok_or_else(|| denied("the request cannot be sent"))?;
            meter.count();
            let answer = self.execute_measured(inner, rule, copy).await;
            meter.note(&answer);
            let pause = inner.gateway.policy.repeat_rules().pause(&answer, repeats);
            match pause.filter(|pause| *pause < self.time_left()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return answer,
            }
            repeats += 1;
        }
    }

    async fn execute_measured(
        &self,
        inner: &Inner,
        rule: &Rule,
        request: reqwest::Request,
    ) -> Result<Response, Failure> {
        let begun = Instant::now();
        let answer = self.execute_once(inner, rule, request).await;
        inner.gateway.telemetry.requested(outcome_of(&answer), begun.elapsed());
        answer
    }

    async fn execute_once(
        &self,
        inner: &Inner,
        rule: &Rule,
        mut request: reqwest::Request,
    ) -> Result<Response, Failure> {
        let until = Instant::now() + self.time_left();
        *request.timeout_mut() = Some(self.time_left());
        let response = inner.gateway.clients.execute(request, rule.is_stood_in()).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut head = inner.budget.response(until);
        // Once as they came, and once for the plugin.
        head.grow(2 * headers_length(&headers)?, true).await?;
        head.keep();
        let mut room = inner.budget.response(until);
        let mut body = read_body(response, MAXIMUM_RESPONSE, Some(&mut room)).await?;
        room.keep();
        let leaks = inner.leaks();
        leaks.mask(&mut body);
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = leaks.mask_text(value.to_str().ok()?.to_owned());
            Some((leaks.mask_text(name.to_string()), value))
        };
        let headers = headers.iter().filter_map(header).collect();
        Ok(Response { status, headers, body })
    }

    fn time_left(&self) -> Duration {
        self.deadline.map_or(REQUEST_TIMEOUT, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(REQUEST_TIMEOUT)
        })
    }
}

impl Inner {
    fn leaks(&self) -> MutexGuard<'_, Secrets> {
        let leaks = || Mutex::new(leaks_of(&self.gateway.policy, &self.credentials));
        lock(self.leaks.get_or_init(leaks))
    }
}

fn lock(secrets: &Mutex<Secrets>) -> MutexGuard<'_, Secrets> {
    secrets.lock().unwrap_or_else(PoisonError::into_inner)
}
