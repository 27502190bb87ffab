//! Egress: the `http` capability of a plugin, and the one place where a credential is added.
//!
//! What leaves is what the [`Policy`] allows, with the merchant's credential added here, to the
//! origins that the manifest binds it to and to no other. Redirects are not followed. Time, size
//! and number are bounded.

mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::contract::http::{Failure, FailureKind, Request, Response};
use policy::Rule;
pub use policy::{LoopbackOrigin, OriginOverride, Policy, PolicyError};

/// The most that a plugin may send at once; the contract says so.
const LARGEST_REQUEST: usize = 256 << 10;
/// The most that it may be given; the contract says so.
const LARGEST_RESPONSE: usize = 4 << 20;
/// How many requests a call may make.
const REQUESTS: u32 = 128;
/// What is shorter than this is a word and no credential: it is not taken out of sentences.
const LEAST_SECRET: usize = 8;
/// How long a request may take.
const REQUEST_TIME: Duration = Duration::from_secs(20);

/// The headers that are the host's to set, whatever a plugin says.
const HOST_HEADERS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The credentials of an installation, by the names in the manifest.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, SecretString>);

impl Credentials {
    /// Takes what a merchant gave. White space around a value is a slip of the hand.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let trimmed = |secret: SecretString| SecretString::from(secret.expose_secret().trim());
        Self(given.into_iter().map(|(name, secret)| (name, trimmed(secret))).collect())
    }

    /// Takes the credentials out of a text that a plugin wrote: while it installs it sees them.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0
            .values()
            .map(SecretString::expose_secret)
            .filter(|secret| secret.len() >= LEAST_SECRET)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "(the credential)"))
    }

    /// The names and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret))
    }
}

/// What the calls of one plugin for one installation may do to the outside world.
#[derive(Clone)]
pub struct Egress {
    /// None: nothing is allowed.
    inner: Option<Arc<Inner>>,
    /// When every request has to be over.
    deadline: Option<Instant>,
}

struct Inner {
    client: Client,
    policy: Policy,
    credentials: Credentials,
    requests: AtomicU32,
}

impl Egress {
    /// Nothing at all: every request is denied.
    #[must_use]
    pub fn none() -> Self {
        Self { inner: None, deadline: None }
    }

    /// What the policy allows, with the credentials that it names.
    #[must_use]
    pub fn new(client: Client, policy: Policy, credentials: Credentials) -> Self {
        let requests = AtomicU32::new(0);
        let inner = Inner { client, policy, credentials, requests };
        Self { inner: Some(Arc::new(inner)), deadline: None }
    }

    /// The same, with every request over by a deadline.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends a request of the plugin's and waits for the answer.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let Some(inner) = &self.inner else {
            return Err(denied("this call may not reach anything"));
        };
        if inner.requests.fetch_add(1, Ordering::Relaxed) >= REQUESTS {
            return Err(not_sent(FailureKind::LimitReached, "too many requests in one call"));
        }
        let mut request = inner.prepare(request)?;
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            *request.timeout_mut() = Some(left.min(REQUEST_TIME));
        }
        let response = inner.client.execute(request).await.map_err(|e| from_client(&e))?;
        receive(response).await
    }
}

impl Inner {
    fn prepare(&self, request: Request) -> Result<reqwest::Request, Failure> {
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            _ => return Err(denied("only GET, POST and DELETE are allowed")),
        };
        if request.body.len() > LARGEST_REQUEST {
            return Err(denied("the request is too large"));
        }
        let url = Url::parse(&request.url).map_err(|_| denied("the URL cannot be read"))?;
        let rule = self
            .policy
            .rule_for(&url)
            .ok_or_else(|| denied("the plugin's manifest does not name this origin"))?;
        let mut prepared = reqwest::Request::new(method, rule.address(url));
        let headers = prepared.headers_mut();
        for (name, value) in request.headers {
            let name =
                HeaderName::try_from(name).map_err(|_| denied("a header's name is invalid"))?;
            if HOST_HEADERS.contains(&name.as_str()) {
                continue;
            }
            let value =
                HeaderValue::try_from(value).map_err(|_| denied("a header's value is invalid"))?;
            headers.append(name, value);
        }
        if let Some(value) = self.authorization(rule)? {
            headers.insert(AUTHORIZATION, value);
        }
        if prepared.method() == Method::POST {
            *prepared.body_mut() = Some(request.body.into());
        }
        Ok(prepared)
    }

    fn authorization(&self, rule: &Rule) -> Result<Option<HeaderValue>, Failure> {
        let Some(name) = &rule.credential else {
            return Ok(None);
        };
        let secret =
            self.credentials.0.get(name).ok_or_else(|| denied("there is no credential"))?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", secret.expose_secret()))
            .map_err(|_| denied("the credential cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(Some(value))
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

async fn receive(mut response: reqwest::Response) -> Result<Response, Failure> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| from_client(&error))? {
        if body.len() + chunk.len() > LARGEST_RESPONSE {
            return Err(Failure {
                kind: FailureKind::TooLarge,
                message: "the answer is too large".to_owned(),
                request_sent: true,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

fn denied(message: &str) -> Failure {
    not_sent(FailureKind::Denied, message)
}

fn not_sent(kind: FailureKind, message: &str) -> Failure {
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
