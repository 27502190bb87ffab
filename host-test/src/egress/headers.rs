//! The values of headers that hold a credential.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use super::credentials::Credentials;
use super::denied;
use crate::contract::http::Failure;

/// A credential by its field.
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

/// User name and password as Basic joins them.
pub(super) fn pair(user: &SecretString, password: &SecretString) -> String {
    format!("{}:{}", user.expose_secret(), password.expose_secret())
}

/// The value of a header that no log shows.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| denied("the credential cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
