//! The origins that a plugin may call. An empty list denies everything.

use url::{Origin, Url};

use super::authorization::Authorization;
use super::background::RepeatRules;
use super::origin::{LoopbackOrigin, OriginOverride, PolicyError, parse_exact, replacement_of};
use super::pages::PageOrigins;
use super::plugin_headers::prefix_of;
use crate::contract::types::{self, CredentialRole, Manifest, Mode};

/// The origins that a plugin may call.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// The fields whose values are secrets that authorise requests.
    secret_fields: Vec<String>,
    repeat_rules: RepeatRules,
    page_origins: PageOrigins,
    /// What the names of the provider's own headers begin with.
    header_prefix: String,
    /// Whether only what stands in for an origin is called.
    is_offline: bool,
}

/// An origin that the plugin may call, and how the host authorises it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    origin: Origin,
    /// The mode whose installations may call it. None: both.
    mode: Option<Mode>,
    /// How requests are authorised.
    pub(super) authorization: Authorization,
    /// The loopback address that stands in for it.
    replacement: Option<LoopbackOrigin>,
}

impl Policy {
    /// Whether the manifest names an origin: of requests, of OAuth exchanges, or of pages.
    #[must_use]
    pub fn names(&self, origin: &Origin) -> bool {
        self.origins().any(|own| own == *origin) || self.page_origins.has(origin)
    }

    /// The origins of requests and of OAuth exchanges, as texts.
    pub fn names_of_origins(&self) -> impl Iterator<Item = String> {
        self.origins().map(|origin| origin.ascii_serialization())
    }

    fn origins(&self) -> impl Iterator<Item = Origin> {
        self.rules.iter().flat_map(|rule| {
            let exchange = match &rule.authorization {
                Authorization::ClientCredentials(grant) => Some(grant.origin()),
                _ => None,
            };
            std::iter::once(rule.origin.clone()).chain(exchange)
        })
    }

    /// Checks the origins of a manifest. Overrides stand in for some of them.
    ///
    /// # Errors
    ///
    /// An origin is refused. Then the plugin is not loaded.
    pub fn new(manifest: &Manifest, overrides: &[OriginOverride]) -> Result<Self, PolicyError> {
        let is_secret = |field: &&types::CredentialField| {
            field.secret && field.role == CredentialRole::Authorization
        };
        let secret_fields = manifest.credentials.iter().filter(is_secret);
        let secret_fields = secret_fields.map(|field| field.name.clone()).collect();
        let repeat_rules = RepeatRules::of(manifest);
        let page_origins = PageOrigins::new(&manifest.customer_origins, overrides)?;
        let header_prefix = prefix_of(&manifest.provider_id);
        let (rules, is_offline) = (Vec::new(), false);
        let mut policy =
            Self { rules, secret_fields, repeat_rules, page_origins, header_prefix, is_offline };
        for origin in &manifest.origins {
            let rule = Rule::parse(origin, manifest, overrides)?;
            if policy.rules.iter().any(|other| other.overlaps(&rule)) {
                return Err(PolicyError::Twice(origin.url.clone()));
            }
            policy.rules.push(rule);
        }
        Ok(policy)
    }

    /// The same without the network: only what stands in for an origin is called, and every other origin cannot be
    /// reached.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { is_offline: true, ..self }
    }

    /// Whether a request by a rule may be sent.
    pub(super) fn reaches(&self, rule: &Rule) -> bool {
        !self.is_offline || rule.is_stood_in() && rule.authorization.is_offline()
    }

    pub(super) fn rule_for(&self, url: &Url, mode: Mode) -> Option<&Rule> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        self.rules.iter().find(|rule| {
            !has_user && rule.origin == url.origin() && rule.mode.is_none_or(|only| only == mode)
        })
    }

    /// Every rule, whatever its mode.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Where customers may be sent.
    #[must_use]
    pub fn page_origins(&self) -> &PageOrigins {
        &self.page_origins
    }

    /// What the names of the provider's own headers begin with.
    pub(super) fn header_prefix(&self) -> &str {
        &self.header_prefix
    }

    /// When a read of the background may be repeated.
    pub(super) fn repeat_rules(&self) -> &RepeatRules {
        &self.repeat_rules
    }

    /// The fields whose values are secrets that authorise requests.
    pub(super) fn secret_fields(&self) -> impl Iterator<Item = &str> {
        self.secret_fields.iter().map(String::as_str)
    }
}

impl Rule {
    fn parse(
        declared: &types::Origin,
        manifest: &Manifest,
        overrides: &[OriginOverride],
    ) -> Result<Self, PolicyError> {
        let origin = parse_exact(&declared.url)?.origin();
        let replacement = replacement_of(&origin, overrides);
        let authorization = Authorization::parse(&declared.authorization, manifest, overrides)?;
        Ok(Self { origin, mode: declared.mode, authorization, replacement })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let is_for_both = self.mode.is_none() || other.mode.is_none();
        self.origin == other.origin && (is_for_both || self.mode == other.mode)
    }

    /// Whether a loopback address stands in for it.
    pub(super) fn is_stood_in(&self) -> bool {
        self.replacement.is_some()
    }

    /// The address to which a request is sent.
    pub(super) fn address(&self, url: Url) -> Url {
        match &self.replacement {
            Some(replacement) => replacement.in_place_of(&url),
            None => url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::{ClientAuthentication, CredentialField, Oauth};

    fn manifest(origins: Vec<types::Origin>) -> Manifest {
        let field = |name: &str, role, secret| CredentialField {
            name: name.to_owned(),
            label: name.to_owned(),
            help: String::new(),
            required: true,
            secret,
            role,
            rules: Vec::new(),
        };
        Manifest {
            credentials: vec![
                field("token", CredentialRole::Authorization, true),
                field("store", CredentialRole::Authorization, false),
                field("whsec", CredentialRole::SigningSecret, true),
            ],
            origins,
            ..Manifest::empty()
        }
    }

    fn origin(url: &str, mode: Option<Mode>, how: types::Authorization) -> types::Origin {
        types::Origin { url: url.to_owned(), mode, authorization: how }
    }

    #[test]
    fn origin_of_the_other_mode_is_denied() {
        use types::Authorization::None as Nothing;
        let policy = Policy::new(
            &manifest(vec![
                origin("https://test.example", Some(Mode::Test), Nothing),
                origin("https://live.example", Some(Mode::Live), Nothing),
                origin("https://both.example", None, Nothing),
            ]),
            &[],
        )
        .unwrap();
        let has = |url: &str, mode| policy.rule_for(&url.parse().unwrap(), mode).is_some();
        for (url, test, live) in [
            ("https://test.example/x", true, false),
            ("https://live.example/x", false, true),
            ("https://both.example/x", true, true),
            ("https://user@both.example/x", false, false),
        ] {
            assert_eq!((has(url, Mode::Test), has(url, Mode::Live)), (test, live), "{url}");
        }
    }

    #[test]
    fn unusable_origin_is_refused() {
        use types::Authorization as How;
        let name = str::to_owned;
        let oauth = |token_url: &str, secret: &str| {
            How::ClientCredentials(Oauth {
                token_url: token_url.to_owned(),
                client_id: "store".to_owned(),
                client_secret: secret.to_owned(),
                client_authentication: ClientAuthentication::Basic,
                scope: None,
            })
        };
        let header = |header: &str| How::Headers(vec![(header.to_owned(), "store".to_owned())]);
        let rows = [
            (How::Bearer(name("token")), None),
            (How::Bearer(name("store")), Some(PolicyError::NotSecret(name("store")))),
            (How::Bearer(name("whsec")), Some(PolicyError::UnknownCredential(name("whsec")))),
            (How::Bearer(name("other")), Some(PolicyError::UnknownCredential(name("other")))),
            (How::Basic((name("store"), name("token"))), None),
            (
                How::Basic((name("token"), name("store"))),
                Some(PolicyError::NotSecret(name("store"))),
            ),
            (header("x-store"), None),
            (header("authorization"), None),
            (header("user-agent"), Some(PolicyError::InvalidHeader(name("user-agent")))),
            (header("host"), Some(PolicyError::InvalidHeader(name("host")))),
            (header("X-Store"), Some(PolicyError::InvalidHeader(name("X-Store")))),
            (header("a b"), Some(PolicyError::InvalidHeader(name("a b")))),
            (oauth("https://login.example/token", "token"), None),
            (
                oauth("http://login.example/token", "token"),
                Some(PolicyError::NotHttps(name("http://login.example/token"))),
            ),
            (
                oauth("https://169.254.169.254/token", "token"),
                Some(PolicyError::NotPublic(name("https://169.254.169.254/token"))),
            ),
            (
                oauth("https://login.example/token", "store"),
                Some(PolicyError::NotSecret(name("store"))),
            ),
            (How::Other(name("hawk")), Some(PolicyError::UnknownAuthorization(name("hawk")))),
        ];
        for (how, expected) in rows {
            let one = origin("https://a.example", None, how);
            assert_eq!(Policy::new(&manifest(vec![one]), &[]).err(), expected);
        }
        let one = |url: &str, mode| origin(url, mode, How::None);
        for (url, expected) in [
            ("http://a.example", PolicyError::NotHttps(name("http://a.example"))),
            ("https://a.example/path", PolicyError::NotAnOrigin(name("https://a.example/path"))),
            ("https://10.0.0.1", PolicyError::NotPublic(name("https://10.0.0.1"))),
        ] {
            let refused = Policy::new(&manifest(vec![one(url, None)]), &[]).err();
            assert_eq!(refused, Some(expected));
        }
        let twice = |first, second| {
            let origins = vec![one("https://a.example", first), one("https://a.example", second)];
            Policy::new(&manifest(origins), &[]).is_err()
        };
        assert!(twice(None, Some(Mode::Live)) && twice(Some(Mode::Test), Some(Mode::Test)));
        assert!(!twice(Some(Mode::Test), Some(Mode::Live)));
    }
}
