//! Where a plugin may call: a parsed list. An empty one denies everything.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Origin, Url};

use crate::contract::types::Manifest;

/// Why an origin is not one that a plugin may call.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// It is no origin.
    #[error("'{0}' is not an origin: give scheme, host and port, such as https://api.example.com")]
    NotAnOrigin(String),
    /// It is not encrypted.
    #[error("'{0}' is not https")]
    NotHttps(String),
    /// A way of authorising that is not known.
    #[error("the authorisation scheme '{0}' is not known")]
    UnknownScheme(String),
    /// Only this machine may stand in for a provider.
    #[error(
        "'{0}' is not on this machine: only a loopback address such as http://127.0.0.1:8080 may stand in for a provider"
    )]
    NotLoopback(String),
    /// It does not say what it stands in for.
    #[error(
        "'{0}' does not say what is replaced by what: https://api.example.com=http://127.0.0.1:8080"
    )]
    NoReplacement(String),
}

/// The origins that a plugin may call.
#[derive(Clone, Debug, Default)]
pub struct Policy(Vec<Rule>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    origin: Origin,
    /// The name of the credential that authorises a request.
    pub(super) credential: Option<String>,
    /// What stands in for it.
    replacement: Option<LoopbackOrigin>,
}

impl Policy {
    /// The manifest's origins, some of them replaced.
    ///
    /// # Errors
    ///
    /// An origin of the manifest that is not acceptable. Nothing is allowed then.
    pub fn new(manifest: &Manifest, overrides: &[OriginOverride]) -> Result<Self, PolicyError> {
        let rule = |origin: &crate::contract::types::Origin| {
            if origin.credential.is_some() && origin.scheme != "bearer" {
                return Err(PolicyError::UnknownScheme(origin.scheme.clone()));
            }
            let url = parse_origin(&origin.url)?;
            if url.scheme() != "https" {
                return Err(PolicyError::NotHttps(origin.url.clone()));
            }
            let origin_url = url.origin();
            let replacement = overrides
                .iter()
                .find(|replaced| replaced.from == origin_url)
                .map(|replaced| replaced.to.clone());
            Ok(Rule { origin: origin_url, credential: origin.credential.clone(), replacement })
        };
        manifest.origins.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn rule_for(&self, url: &Url) -> Option<&Rule> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        self.0.iter().find(|rule| !has_user && rule.origin == url.origin())
    }
}

impl Rule {
    /// Where a request really goes.
    pub(super) fn address(&self, mut url: Url) -> Url {
        if let Some(LoopbackOrigin(replacement)) = &self.replacement {
            let mut address = replacement.clone();
            address.set_path(url.path());
            address.set_query(url.query());
            url = address;
        }
        url
    }
}

/// An origin on this machine, over plain HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct LoopbackOrigin(Url);

impl LoopbackOrigin {
    /// An address below it.
    #[must_use]
    pub fn join(&self, path_and_query: &str) -> Option<Url> {
        self.0.join(path_and_query).ok().filter(|url| url.origin() == self.0.origin())
    }
}

impl fmt::Display for LoopbackOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for LoopbackOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for LoopbackOrigin {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let url = parse_origin(text)?;
        let is_loopback = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if is_loopback && url.scheme() == "http" {
            Ok(Self(url))
        } else {
            Err(PolicyError::NotLoopback(text.to_owned()))
        }
    }
}

/// One origin, and what on this machine stands in for it: `https://a.example=http://127.0.0.1:80`.
#[derive(Clone, Debug)]
pub struct OriginOverride {
    /// What is replaced.
    pub from: Origin,
    /// What stands in for it.
    pub to: LoopbackOrigin,
}

impl FromStr for OriginOverride {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (from, to) =
            text.split_once('=').ok_or_else(|| PolicyError::NoReplacement(text.to_owned()))?;
        Ok(Self { from: parse_origin(from)?.origin(), to: to.parse()? })
    }
}

/// A URL that is an origin and no more.
fn parse_origin(text: &str) -> Result<Url, PolicyError> {
    let not_an_origin = || PolicyError::NotAnOrigin(text.to_owned());
    let url = Url::parse(text).map_err(|_| not_an_origin())?;
    let is_bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_bare { Ok(url) } else { Err(not_an_origin()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_stand_in_for_a_provider() {
        let accepted = ["http://127.0.0.1:80", "http://[::1]:1", "http://localhost:9/"];
        for text in accepted {
            assert!(text.parse::<LoopbackOrigin>().is_ok(), "{text}");
        }
        let refused = [
            "https://127.0.0.1:80",
            "http://10.0.0.1:80",
            "http://localhost.example.com",
            "http://127.0.0.1:80/path",
            "http://user@127.0.0.1:80",
            "127.0.0.1:80",
            "",
        ];
        for text in refused {
            assert!(text.parse::<LoopbackOrigin>().is_err(), "{text}");
        }
    }
}
