//! OAuth 2.0 client credentials (RFC 6749, section 4.4): the exchange, and the cache of access tokens.
//!
//! The cache is in memory only. Its key is a hash of the credentials.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};
use url::{Origin, Url};

use super::client::{Clients, failure, read_body};
use super::credentials::Credentials;
use super::headers::{basic, named};
use super::origin::{LoopbackOrigin, OriginOverride, PolicyError, parse_https, replacement_of};
use crate::contract::http::{Failure, FailureKind};
use crate::contract::types::{ClientAuthentication, Oauth};

/// The largest response of a token endpoint, in bytes. Our own choice.
const MAXIMUM_RESPONSE: usize = 64 << 10;
/// How long before it expires a token is renewed, so that it does not expire on the way.
const RENEWAL_MARGIN: Duration = Duration::from_mins(1);
/// The lifetime of a token whose response has no `expires_in`. RFC 6749 leaves it to the provider's
/// documentation; an hour is usual.
const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);
/// How many tokens the cache holds. When it is full it is emptied, and tokens are exchanged again.
const MAXIMUM_TOKENS: usize = 10_000;

/// The OAuth grant of an origin: the manifest's `oauth`, checked.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    token_url: Url,
    /// What stands in for the origin of `token_url`.
    replacement: Option<LoopbackOrigin>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    authentication: ClientAuthentication,
    scope: Option<String>,
}

impl Grant {
    /// Checks the `oauth` of a manifest's origin.
    pub fn parse(oauth: &Oauth, overrides: &[OriginOverride]) -> Result<Self, PolicyError> {
        let token_url = parse_https(&oauth.token_url)?;
        let replacement = replacement_of(&token_url.origin(), overrides);
        Ok(Self {
            token_url,
            replacement,
            client_id: oauth.client_id.clone(),
            client_secret: oauth.client_secret.clone(),
            authentication: oauth.client_authentication,
            scope: oauth.scope.clone(),
        })
    }

    /// The origin of the exchange.
    pub fn origin(&self) -> Origin {
        self.token_url.origin()
    }

    /// Whether something stands in for the origin that issues tokens.
    pub fn is_stood_in(&self) -> bool {
        self.replacement.is_some()
    }

    /// The cache key: a hash of everything that decides which token is issued.
    fn cache_key(&self, credentials: &Credentials) -> Result<[u8; 32], Failure> {
        let mut digest = Sha256::new();
        for part in [
            self.token_url.as_str(),
            named(credentials, &self.client_id)?.expose_secret(),
            named(credentials, &self.client_secret)?.expose_secret(),
            self.scope.as_deref().unwrap_or_default(),
        ] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        Ok(digest.finalize().into())
    }

    /// The request for a token.
    fn request(&self, credentials: &Credentials) -> Result<reqwest::Request, Failure> {
        let id = named(credentials, &self.client_id)?;
        let secret = named(credentials, &self.client_secret)?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        let url = match &self.replacement {
            Some(replacement) => replacement.in_place_of(&self.token_url),
            None => self.token_url.clone(),
        };
        let mut request = reqwest::Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        match self.authentication {
            ClientAuthentication::Basic => {
                let encoded = |part: &SecretString| {
                    let bytes = part.expose_secret().as_bytes();
                    let encoded = url::form_urlencoded::byte_serialize(bytes).collect::<String>();
                    SecretString::from(encoded)
                };
                headers.insert(AUTHORIZATION, basic(&encoded(id), &encoded(secret))?);
            }
            ClientAuthentication::Body => {
                form.append_pair("client_id", id.expose_secret());
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
        *request.body_mut() = Some(form.finish().into());
        Ok(request)
    }

    async fn exchange(
        &self,
        clients: &Clients,
        credentials: &Credentials,
        timeout: Duration,
    ) -> Result<Token, Failure> {
        let mut request = self.request(credentials)?;
        *request.timeout_mut() = Some(timeout);
        // Whatever fails here, the plugin's own request was not sent.
        let not_sent = |failure: Failure| Failure { request_sent: false, ..failure };
        let is_stood_in = self.replacement.is_some();
        let response = clients.execute(request, is_stood_in).await.map_err(not_sent)?;
        let status = response.status();
        let body = read_body(response, MAXIMUM_RESPONSE, None).await.map_err(not_sent)?;
        // It holds the token.
        let body = Zeroizing::new(body);
        match status.as_u16() {
            200..=299 => {}
            400..=403 => {
                let message = "the provider did not accept the credentials in the exchange";
                return Err(failure(FailureKind::Unauthorized, message));
            }
            _ => {
                return Err(failure(FailureKind::Unreachable, "the token endpoint failed"));
            }
        }
        let unreadable =
            || failure(FailureKind::Other, "the token endpoint's response cannot be read");
        let answer: TokenResponse = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs);
        let until = Instant::now().checked_add(lifetime.saturating_sub(RENEWAL_MARGIN));
        Ok(Token { value: answer.access_token, until: until.ok_or_else(unreadable)? })
    }
}

/// A token response (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
    expires_in: Option<u64>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    until: Instant,
}

/// Which token is asked for.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    /// Any that is valid.
    Any,
    /// Another one than this, which the provider did not accept.
    But(&'a SecretString),
}

/// A token that a request may be sent with.
pub(super) struct Issued {
    pub value: SecretString,
    /// Whether it was in the cache, so that it may have been revoked since.
    pub was_stored: bool,
}

/// A slot of the cache. It is locked during an exchange, so that parallel calls wait for one exchange.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The cache of access tokens.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<[u8; 32], Slot>>);

impl Tokens {
    fn slot(&self, key: [u8; 32]) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAXIMUM_TOKENS && !slots.contains_key(&key) {
            // Calls keep the slots that they use.
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// A valid token, from the cache or from a new exchange.
    pub async fn token(
        &self,
        grant: &Grant,
        clients: &Clients,
        credentials: &Credentials,
        deadline: Instant,
        which: Which<'_>,
    ) -> Result<Issued, Failure> {
        let slot = self.slot(grant.cache_key(credentials)?);
        let too_late = |_| failure(FailureKind::TimedOut, "no token came in time");
        let mut cached = timeout_at(deadline, slot.lock()).await.map_err(too_late)?;
        let is_refused = |token: &Token| match which {
            Which::Any => false,
            Which::But(refused) => refused.expose_secret() == token.value.expose_secret(),
        };
        if let Some(token) = cached.as_ref()
            && token.until > Instant::now()
            && !is_refused(token)
        {
            return Ok(Issued { value: token.value.clone(), was_stored: true });
        }
        *cached = None;
        let left = deadline.saturating_duration_since(Instant::now());
        let new = grant.exchange(clients, credentials, left).await?;
        let value = new.value.clone();
        *cached = Some(new);
        Ok(Issued { value, was_stored: false })
    }
}
