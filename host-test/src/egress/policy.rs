//! Where a plugin may call: a parsed list. An empty one denies everything.

use url::{Origin, Url};

use super::authorization::Authorization;
use super::origin::{LoopbackOrigin, OriginOverride, PolicyError, parse_origin, replacement_of};
use crate::contract::types::{self, CredentialRole, Manifest, Mode};

/// The origins that a plugin may call.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    /// The fields whose values are secrets that authorise requests.
    secret_fields: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    origin: Origin,
    /// The mode whose installations may call it. None: both.
    mode: Option<Mode>,
    /// How a request is authorised.
    pub(super) authorization: Authorization,
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
        let is_secret = |field: &&types::CredentialField| {
            field.secret && field.role == CredentialRole::Authorization
        };
        let secret_fields = manifest.credentials.iter().filter(is_secret);
        let secret_fields = secret_fields.map(|field| field.name.clone()).collect();
        let mut policy = Self { rules: Vec::new(), secret_fields };
        for said in &manifest.origins {
            let rule = Rule::parse(said, manifest, overrides)?;
            if policy.rules.iter().any(|other| other.overlaps(&rule)) {
                return Err(PolicyError::Twice(said.url.clone()));
            }
            policy.rules.push(rule);
        }
        Ok(policy)
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

    /// The fields whose values are secrets that authorise requests.
    pub(super) fn secret_fields(&self) -> impl Iterator<Item = &str> {
        self.secret_fields.iter().map(String::as_str)
    }
}

impl Rule {
    fn parse(
        said: &types::Origin,
        manifest: &Manifest,
        overrides: &[OriginOverride],
    ) -> Result<Self, PolicyError> {
        let url = parse_origin(&said.url)?;
        if url.scheme() != "https" {
            return Err(PolicyError::NotHttps(said.url.clone()));
        }
        let origin = url.origin();
        let replacement = replacement_of(&origin, overrides);
        let authorization = Authorization::parse(&said.authorization, manifest, overrides)?;
        Ok(Self { origin, mode: said.mode, authorization, replacement })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let is_for_both = self.mode.is_none() || other.mode.is_none();
        self.origin == other.origin && (is_for_both || self.mode == other.mode)
    }

    /// Where a request really goes.
    pub(super) fn address(&self, url: Url) -> Url {
        match &self.replacement {
            Some(replacement) => replacement.in_place_of(&url),
            None => url,
        }
    }
}
