//! Headers: those that only the host sets, and the values that hold a credential.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::client::denied;
use super::credentials::Credentials;
use crate::contract::http::Failure;

/// The headers that only the host sets. `accept-encoding` and `range` would hide a credential in a response
/// from the search.
pub(super) const HOST_HEADERS: [&str; 11] = [
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

/// The credential of a field.
pub(super) fn named<'a>(
    credentials: &'a Credentials,
    name: &str,
) -> Result<&'a SecretString, Failure> {
    credentials.get(name).ok_or_else(|| denied("there is no credential for this origin"))
}

/// The value of `Authorization: Bearer`.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    sensitive(&format!("Bearer {}", token.expose_secret()))
}

/// The value of `Authorization: Basic`.
pub(super) fn basic(user: &SecretString, password: &SecretString) -> Result<HeaderValue, Failure> {
    sensitive(&format!("Basic {}", BASE64_STANDARD.encode(pair(user, password))))
}

/// User name and password, joined for Basic authorization.
pub(super) fn pair(user: &SecretString, password: &SecretString) -> String {
    format!("{}:{}", user.expose_secret(), password.expose_secret())
}

/// A header value that logs do not show.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| denied("the credential cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
