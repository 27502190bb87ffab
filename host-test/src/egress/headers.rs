//! The values of headers that hold a credential.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::client::denied;
use super::credentials::Credentials;
use crate::contract::http::Failure;

/// The credential of a field.
pub(super) fn named<'a>(
    credentials: &'a Credentials,
    name: &str,
) -> Result<&'a SecretString, Failure> {
    credentials.get(name).ok_or_else(|| denied("there is no credential for this origin"))
}

/// The value of `Authorization: Bearer`.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    sensitive(&["Bearer ", token.expose_secret()])
}

/// The value of `Authorization: Basic`.
pub(super) fn basic(user: &SecretString, password: &SecretString) -> Result<HeaderValue, Failure> {
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair(user, password).as_bytes()));
    sensitive(&["Basic ", &encoded])
}

/// User name and password, joined for Basic authorization.
pub(super) fn pair(user: &SecretString, password: &SecretString) -> Zeroizing<String> {
    Zeroizing::new([user.expose_secret(), ":", password.expose_secret()].concat())
}

/// A header value of these parts, which logs do not show and which is erased when the request is dropped. What
/// the HTTP client writes into its own buffers is not.
pub(super) fn sensitive(parts: &[&str]) -> Result<HeaderValue, Failure> {
    // Joining allocates once.
    let erased = Bytes::from_owner(Zeroizing::new(parts.concat().into_bytes()));
    let mut value = HeaderValue::from_maybe_shared(erased)
        .map_err(|_| denied("the credential cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
