//! OAuth 2.0 client credentials (RFC 6749, section 4.4): the exchange, and the tokens that are kept.
//!
//! Tokens are kept in memory only, by a hash of what they were exchanged for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::credentials::Credentials;
use super::headers::{basic, named};
use super::origin::{LoopbackOrigin, OriginOverride, PolicyError, parse_https, replacement_of};
use super::{failure, from_client, read_body};
use crate::contract::http::{Failure, FailureKind};
use crate::contract::types::{ClientAuthentication, Oauth};

/// The most that a token endpoint may answer.
const LARGEST_ANSWER: usize = 64 << 10;
/// How long before its end a token is renewed, so that it does not end on its way.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);
/// How long a token is used whose answer does not say for how long it is valid: RFC 6749 leaves that
/// to the provider's documentation, and an hour is the usual time.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);
/// How many tokens are kept. More than that many installations in use exchange again.
const TOKENS_KEPT: usize = 10_000;

/// One grant of a manifest.
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
    /// Parses what a manifest says.
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

    /// What a token belongs to. Nothing of a credential can be learned from it.
    fn key(&self, credentials: &Credentials) -> Result<[u8; 32], Failure> {
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
    fn request(
        &self,
        client: &Client,
        credentials: &Credentials,
    ) -> Result<RequestBuilder, Failure> {
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
        let mut request = client.post(url).header(ACCEPT, "application/json");
        match self.authentication {
            ClientAuthentication::Basic => {
                let encoded = |part: &SecretString| {
                    let bytes = part.expose_secret().as_bytes();
                    let encoded = url::form_urlencoded::byte_serialize(bytes).collect::<String>();
                    SecretString::from(encoded)
                };
                request = request.header(AUTHORIZATION, basic(&encoded(id), &encoded(secret))?);
            }
            ClientAuthentication::Body => {
                form.append_pair("client_id", id.expose_secret());
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        Ok(request.header(CONTENT_TYPE, form_type).body(form.finish()))
    }

    async fn exchange(
        &self,
        client: &Client,
        credentials: &Credentials,
        timeout: Duration,
    ) -> Result<Token, Failure> {
        let request = self.request(client, credentials)?.timeout(timeout);
        // The request of the plugin itself has not been sent, whatever happens here.
        let not_sent = |failure: Failure| Failure { request_sent: false, ..failure };
        let response = request.send().await.map_err(|error| not_sent(from_client(&error)))?;
        let status = response.status();
        let body = read_body(response, LARGEST_ANSWER).await.map_err(not_sent)?;
        match status.as_u16() {
            200..=299 => {}
            400..=403 => {
                let message = "the provider did not accept the credentials in the exchange";
                return Err(failure(FailureKind::Unauthorized, message));
            }
            _ => {
                return Err(failure(FailureKind::Unreachable, "no token could be had"));
            }
        }
        let unreadable = || failure(FailureKind::Other, "the token cannot be read");
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let lifetime = answer.expires_in.map_or(USUAL_LIFETIME, Duration::from_secs);
        let until = Instant::now().checked_add(lifetime.saturating_sub(RENEWED_BEFORE));
        Ok(Token { value: answer.access_token, until: until.ok_or_else(unreadable)? })
    }
}

/// What a token endpoint answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<u64>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    until: Instant,
}

/// A place for one token. Who waits for an exchange holds its lock, so that one exchange serves all.
type Place = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of all installations.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<[u8; 32], Place>>);

impl Tokens {
    fn place(&self, key: [u8; 32]) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= TOKENS_KEPT && !places.contains_key(&key) {
            // What is in use stays with its user.
            places.clear();
        }
        Arc::clone(places.entry(key).or_default())
    }

    /// A token that is valid, kept or new. `refused` is one that the provider no longer accepts.
    pub async fn token(
        &self,
        grant: &Grant,
        client: &Client,
        credentials: &Credentials,
        deadline: Instant,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Failure> {
        let place = self.place(grant.key(credentials)?);
        let too_late = |_| failure(FailureKind::TimedOut, "no token came in time");
        let mut kept = timeout_at(deadline, place.lock()).await.map_err(too_late)?;
        let is_refused = |token: &Token| {
            refused.is_some_and(|refused| refused.expose_secret() == token.value.expose_secret())
        };
        if let Some(token) = kept.as_ref()
            && token.until > Instant::now()
            && !is_refused(token)
        {
            return Ok(token.value.clone());
        }
        *kept = None;
        let left = deadline.saturating_duration_since(Instant::now());
        let new = grant.exchange(client, credentials, left).await?;
        let value = new.value.clone();
        *kept = Some(new);
        Ok(value)
    }
}
