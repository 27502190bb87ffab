//! Origins: parsed, and replaced by this machine for tests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Origin, Url};

/// Why an origin is not one that a plugin may call.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// It is not an origin.
    #[error("'{0}' is not an origin: give scheme, host and port, such as https://api.example.com")]
    NotAnOrigin(String),
    /// It is not encrypted.
    #[error("'{0}' is not https")]
    NotHttps(String),
    /// It stands in the list twice for one mode.
    #[error("'{0}' is there twice for the same mode")]
    Twice(String),
    /// The scheme of authorization is not known.
    #[error("the authorization '{0}' is not known")]
    UnknownAuthorization(String),
    /// A credential that authorises is not in the form, or is a signing secret.
    #[error("the form has no field '{0}' with the role authorization")]
    UnknownCredential(String),
    /// A credential that authorises is shown and logged like any text.
    #[error("the field '{0}' authorises requests and has to be secret")]
    NotSecret(String),
    /// A header that authorises is not one, or is the host's.
    #[error("'{0}' is not a header that can authorise a request")]
    InvalidHeader(String),
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

/// An origin on this machine, over plain HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct LoopbackOrigin(Url);

impl LoopbackOrigin {
    /// An address below it.
    #[must_use]
    pub fn join(&self, path_and_query: &str) -> Option<Url> {
        self.0.join(path_and_query).ok().filter(|url| url.origin() == self.0.origin())
    }

    /// The same path and query on this origin.
    pub(super) fn in_place_of(&self, url: &Url) -> Url {
        let mut address = self.0.clone();
        address.set_path(url.path());
        address.set_query(url.query());
        address
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

/// The address on this machine that stands in for a URL. None: nothing stands in for its origin.
#[must_use]
pub fn redirect(url: &Url, overrides: &[OriginOverride]) -> Option<Url> {
    replacement_of(&url.origin(), overrides).map(|replacement| replacement.in_place_of(url))
}

/// What stands in for an origin, if anything does.
pub(super) fn replacement_of(
    origin: &Origin,
    overrides: &[OriginOverride],
) -> Option<LoopbackOrigin> {
    let replaced = overrides.iter().find(|replaced| replaced.from == *origin)?;
    Some(replaced.to.clone())
}

/// A URL that is an origin and no more.
pub(super) fn parse_origin(text: &str) -> Result<Url, PolicyError> {
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

/// A URL over `https` with nothing of a user in it.
pub(super) fn parse_https(text: &str) -> Result<Url, PolicyError> {
    let is_plain = |url: &Url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    };
    Url::parse(text).ok().filter(is_plain).ok_or_else(|| PolicyError::NotHttps(text.to_owned()))
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
