//! Egress: the `http` capability of a plugin, and the one place where a credential is added.
//!
//! What leaves is what the [`Policy`] allows for the installation's mode, with the merchant's
//! credentials added here, to the origins that the manifest binds them to and to no other. Redirects
//! are not followed. Time, size and number are bounded. A credential that the provider repeats in its
//! answer is masked before the plugin reads it.

mod authorization;
mod credentials;
mod headers;
mod leaks;
mod oauth;
mod origin;
mod policy;
mod quota;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::contract::http::{Failure, FailureKind, Request, Response};
use crate::contract::types::Mode;
use authorization::Authorization;
pub use credentials::Credentials;
use headers::{bearer, pair};
use leaks::Leaks;
use oauth::Tokens;
pub use origin::{LoopbackOrigin, OriginOverride, PolicyError, redirect};
pub use policy::Policy;
use policy::Rule;
pub use quota::{Quota, Quotas};

/// The most that a plugin may send at once; the contract says so.
const LARGEST_REQUEST: usize = 256 << 10;
/// The most that it may be given; the contract says so.
const LARGEST_RESPONSE: usize = 4 << 20;
/// How many requests a call may make; the contract says so.
const REQUESTS: u32 = 128;
/// How long a request may take; the contract says so.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// The headers that are the host's to set, whatever a plugin says. `accept-encoding` and `range`
/// would hide a repeated credential from the search.
const HOST_HEADERS: [&str; 11] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "proxy-authorization",
    "range",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What all installations of one plugin share: connections, the policy and OAuth tokens. Their
/// credentials they do not share.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    policy: Arc<Policy>,
    tokens: Arc<Tokens>,
}

impl Gateway {
    /// A gateway to the origins of a policy.
    #[must_use]
    pub fn new(client: Client, policy: Policy) -> Self {
        Self { client, policy: Arc::new(policy), tokens: Arc::default() }
    }

    /// The egress of one call, for an installation in a mode with these credentials.
    #[must_use]
    pub fn egress(&self, mode: Mode, credentials: Credentials) -> Egress {
        let inner = Inner {
            leaks: Mutex::new(leaks_of(&self.policy, &credentials)),
            gateway: self.clone(),
            mode,
            credentials,
            requests: AtomicU32::new(0),
        };
        Egress { inner: Some(Arc::new(inner)), deadline: None, quota: None }
    }
}

/// What an answer may not bring into the sandbox: every secret that authorises requests.
fn leaks_of(policy: &Policy, credentials: &Credentials) -> Leaks {
    let mut leaks = Leaks::default();
    let secrets = policy.secret_fields().filter_map(|name| credentials.get(name));
    for secret in secrets {
        leaks.add(secret.expose_secret());
    }
    for rule in policy.rules() {
        if let Authorization::Basic { user, password } = &rule.authorization
            && let (Some(user), Some(password)) = (credentials.get(user), credentials.get(password))
        {
            leaks.add(&pair(user, password));
        }
    }
    leaks
}

/// What one call of a plugin for one installation may do to the outside world.
#[derive(Clone)]
pub struct Egress {
    /// None: nothing is allowed.
    inner: Option<Arc<Inner>>,
    /// When every request has to be over.
    deadline: Option<Instant>,
    /// What every request is charged to.
    quota: Option<Arc<Quota>>,
}

struct Inner {
    gateway: Gateway,
    mode: Mode,
    credentials: Credentials,
    leaks: Mutex<Leaks>,
    requests: AtomicU32,
}

impl Egress {
    /// Nothing at all: every request is denied.
    #[must_use]
    pub fn none() -> Self {
        Self { inner: None, deadline: None, quota: None }
    }

    /// The same, with every request over by a deadline.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same, with every request charged to a quota.
    #[must_use]
    pub fn charged_to(mut self, quota: Arc<Quota>) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Sends a request of the plugin's and waits for the answer.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let Some(inner) = &self.inner else {
            return Err(denied("this call may not reach anything"));
        };
        if inner.requests.fetch_add(1, Ordering::Relaxed) >= REQUESTS {
            return Err(failure(FailureKind::LimitReached, "too many requests in one call"));
        }
        if self.quota.as_ref().is_some_and(|quota| !quota.take()) {
            let message = "too many requests for deliveries that are not verified";
            return Err(failure(FailureKind::LimitReached, message));
        }
        let (rule, request) = inner.prepare(request)?;
        match &rule.authorization {
            Authorization::ClientCredentials(grant) => {
                let tokens = &inner.gateway.tokens;
                let client = &inner.gateway.client;
                let token = async |refused: Option<&SecretString>| {
                    let deadline = Instant::now() + self.time_left();
                    tokens.token(grant, client, &inner.credentials, deadline, refused).await
                };
                let first = token(None).await?;
                let response = self.send_with_token(inner, &request, &first).await?;
                // A token that was revoked: nothing happened, so the same request is sent again.
                if response.status != 401 {
                    return Ok(response);
                }
                let second = token(Some(&first)).await?;
                self.send_with_token(inner, &request, &second).await
            }
            _ => self.execute(inner, request).await,
        }
    }

    async fn send_with_token(
        &self,
        inner: &Inner,
        request: &reqwest::Request,
        token: &SecretString,
    ) -> Result<Response, Failure> {
        inner.leaks().add(token.expose_secret());
        let mut request =
            request.try_clone().ok_or_else(|| denied("the request cannot be sent"))?;
        request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        self.execute(inner, request).await
    }

    async fn execute(
        &self,
        inner: &Inner,
        mut request: reqwest::Request,
    ) -> Result<Response, Failure> {
        *request.timeout_mut() = Some(self.time_left());
        let response = inner.gateway.client.execute(request).await.map_err(|e| from_client(&e))?;
        let status = response.status().as_u16();
        let said = response.headers().clone();
        let mut body = read_body(response, LARGEST_RESPONSE).await?;
        let leaks = inner.leaks();
        leaks.mask(&mut body);
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = leaks.mask_text(value.to_str().ok()?.to_owned());
            Some((leaks.mask_text(name.to_string()), value))
        };
        let headers = said.iter().filter_map(header).collect();
        Ok(Response { status, headers, body })
    }

    fn time_left(&self) -> Duration {
        self.deadline.map_or(REQUEST_TIME, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(REQUEST_TIME)
        })
    }
}

impl Inner {
    fn leaks(&self) -> std::sync::MutexGuard<'_, Leaks> {
        self.leaks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, request: Request) -> Result<(&Rule, reqwest::Request), Failure> {
        let (method, has_body) = match request.method.as_str() {
            "GET" => (Method::GET, false),
            "POST" => (Method::POST, true),
            "PUT" => (Method::PUT, true),
            "PATCH" => (Method::PATCH, true),
            "DELETE" => (Method::DELETE, false),
            _ => return Err(denied("only GET, POST, PUT, PATCH and DELETE are allowed")),
        };
        if request.body.len() > LARGEST_REQUEST {
            return Err(denied("the request is too large"));
        }
        let url = Url::parse(&request.url).map_err(|_| denied("the URL cannot be read"))?;
        let rule = self
            .gateway
            .policy
            .rule_for(&url, self.mode)
            .ok_or_else(|| denied("the plugin's manifest does not name this origin"))?;
        let mut prepared = reqwest::Request::new(method, rule.address(url));
        let headers = prepared.headers_mut();
        for (name, value) in request.headers {
            let name =
                HeaderName::try_from(name).map_err(|_| denied("a header's name is invalid"))?;
            if HOST_HEADERS.contains(&name.as_str())
                || rule.authorization.header_names().any(|set| *set == name)
            {
                continue;
            }
            let value =
                HeaderValue::try_from(value).map_err(|_| denied("a header's value is invalid"))?;
            headers.append(name, value);
        }
        rule.authorization.apply(&self.credentials, headers)?;
        if has_body {
            *prepared.body_mut() = Some(request.body.into());
        }
        Ok((rule, prepared))
    }
}

/// The client that every installation shares: its connections are, its credentials are not.
///
/// # Errors
///
/// The platform's certificates cannot be read.
pub fn client() -> Result<Client, reqwest::Error> {
    // Fails only where a provider is in force already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(REQUEST_TIME)
        .user_agent(concat!("brain-studio-host-test/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn read_body(mut response: reqwest::Response, largest: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| from_client(&error))? {
        if body.len() + chunk.len() > largest {
            return Err(Failure {
                kind: FailureKind::TooLarge,
                message: "the answer is too large".to_owned(),
                request_sent: true,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn denied(message: &str) -> Failure {
    failure(FailureKind::Denied, message)
}

/// A failure before the request was sent.
fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), request_sent: false }
}

/// Whatever fails after the connection was made may have reached the provider.
fn from_client(error: &reqwest::Error) -> Failure {
    let (kind, message) = if error.is_connect() {
        (FailureKind::Unreachable, "no connection could be made")
    } else if error.is_timeout() {
        (FailureKind::TimedOut, "no answer came in time")
    } else if error.is_builder() {
        (FailureKind::Denied, "the request cannot be sent")
    } else {
        (FailureKind::Interrupted, "the connection broke")
    };
    Failure {
        kind,
        message: message.to_owned(),
        request_sent: !(error.is_connect() || error.is_builder()),
    }
}
