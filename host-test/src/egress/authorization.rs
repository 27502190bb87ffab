//! How requests to an origin are authorised.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use secrecy::ExposeSecret as _;

use super::credentials::Credentials;
use super::headers::{basic, bearer, named, sensitive};
use super::oauth::Grant;
use super::origin::{OriginOverride, PolicyError};
use super::plugin_headers::is_of_host;
use crate::contract::http::Failure;
use crate::contract::types::{self, CredentialRole, Manifest};

/// How requests to an origin are authorised: the manifest's `authorization`, checked. Credentials are named
/// by their fields.
#[derive(Clone, Debug)]
pub(super) enum Authorization {
    /// Not at all.
    None,
    /// `Authorization: Bearer VALUE`.
    Bearer(String),
    /// `Authorization: Basic …`.
    Basic {
        /// The field of the user name.
        user: String,
        /// The field of the password.
        password: String,
    },
    /// Headers, each with the field of its value.
    Headers(Vec<(HeaderName, String)>),
    /// An access token from an OAuth exchange.
    ClientCredentials(Arc<Grant>),
}

impl Authorization {
    /// Checks the `authorization` of a manifest's origin.
    pub fn parse(
        authorization: &types::Authorization,
        manifest: &Manifest,
        overrides: &[OriginOverride],
    ) -> Result<Self, PolicyError> {
        let field = |name: &String| {
            let mut fields = manifest.credentials.iter();
            let is_field = |field: &&types::CredentialField| {
                field.name == *name && field.role == CredentialRole::Authorization
            };
            match fields.find(is_field) {
                Some(_) => Ok(name.clone()),
                None => Err(PolicyError::UnknownCredential(name.clone())),
            }
        };
        let secret = |name: &String| {
            let is_secret = |field: &types::CredentialField| field.name == *name && field.secret;
            if manifest.credentials.iter().any(is_secret) {
                field(name)
            } else {
                field(name).and(Err(PolicyError::NotSecret(name.clone())))
            }
        };
        let header = |(name, credential): &(String, String)| {
            let parsed = HeaderName::try_from(name.as_str())
                .ok()
                .filter(|parsed| parsed.as_str() == name)
                .filter(|parsed| *parsed == AUTHORIZATION || !is_of_host(name))
                .ok_or_else(|| PolicyError::InvalidHeader(name.clone()))?;
            Ok((parsed, field(credential)?))
        };
        Ok(match authorization {
            types::Authorization::None => Self::None,
            types::Authorization::Bearer(name) => Self::Bearer(secret(name)?),
            types::Authorization::Basic((user, password)) => {
                Self::Basic { user: field(user)?, password: secret(password)? }
            }
            types::Authorization::Headers(headers) => {
                Self::Headers(headers.iter().map(header).collect::<Result<_, _>>()?)
            }
            types::Authorization::ClientCredentials(oauth) => {
                field(&oauth.client_id)?;
                secret(&oauth.client_secret)?;
                Self::ClientCredentials(Arc::new(Grant::parse(oauth, overrides)?))
            }
            types::Authorization::Other(scheme) => {
                return Err(PolicyError::UnknownAuthorization(scheme.clone()));
            }
        })
    }

    /// Whether it needs no other origin than one for which something stands in.
    pub fn is_offline(&self) -> bool {
        match self {
            Self::ClientCredentials(grant) => grant.is_stood_in(),
            _ => true,
        }
    }

    /// The headers that it sets, besides `authorization`.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        let headers = match self {
            Self::Headers(headers) => headers.as_slice(),
            _ => &[],
        };
        headers.iter().map(|(name, _)| name)
    }

    /// Sets the headers of a request, except a token of an OAuth exchange.
    pub fn apply(&self, credentials: &Credentials, headers: &mut HeaderMap) -> Result<(), Failure> {
        match self {
            Self::None | Self::ClientCredentials(_) => {}
            Self::Bearer(name) => {
                headers.insert(AUTHORIZATION, bearer(named(credentials, name)?)?);
            }
            Self::Basic { user, password } => {
                let basic = basic(named(credentials, user)?, named(credentials, password)?)?;
                headers.insert(AUTHORIZATION, basic);
            }
            Self::Headers(names) => {
                for (header, name) in names {
                    let value = named(credentials, name)?;
                    headers.insert(header, sensitive(&[value.expose_secret()])?);
                }
            }
        }
        Ok(())
    }
}
