//! The credential rules of a manifest. They classify a credential by its text, so that no plugin has to see
//! it.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use secrecy::ExposeSecret as _;
use thiserror::Error;

use crate::contract::types::{
    AcceptedCredential, Credential, CredentialField, CredentialMeaning, CredentialRole, Manifest,
    Mode, ModeSource, Problem, ProviderError,
};
use crate::egress::Credentials;

/// How many fields a form may have. Source: the contract.
const MAXIMUM_FIELDS: usize = 16;
/// How many rules a field may have. Source: the contract.
const MAXIMUM_RULES: usize = 32;
/// How long a pattern may be, in bytes. Source: the contract.
const MAXIMUM_PATTERN: usize = 512;
/// How much memory a compiled pattern may take, in bytes. Source: the contract. The largest pattern of the
/// built-in plugin takes a sixteenth of it.
const PATTERN_MEMORY: usize = 64 << 10;

/// Why the credential fields of a manifest cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// There are too many fields.
    #[error("it has more than {MAXIMUM_FIELDS} credential fields")]
    TooManyFields,
    /// A name is used twice, or is not in lower case with hyphens.
    #[error("the field name '{0}' must be unique, in lower case with hyphens")]
    FieldName(String),
    /// A field has no rule, or too many.
    #[error("the field '{0}' must have 1 to {MAXIMUM_RULES} rules")]
    RuleCount(String),
    /// A pattern cannot be compiled.
    #[error("the pattern of rule {number} of the field '{field}' cannot be used: {why}")]
    Pattern {
        /// The field.
        field: String,
        /// The number of the rule, from 1.
        number: usize,
        /// Why it cannot be used.
        why: String,
    },
}

/// The compiled rules of a manifest.
pub struct CredentialRules {
    provider: String,
    mode_source: ModeSource,
    fields: Vec<Field>,
}

struct Field {
    field: CredentialField,
    rules: Vec<(Regex, CredentialMeaning)>,
}

/// Credentials that the rules accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Their mode.
    pub mode: Mode,
    kinds: BTreeMap<String, String>,
}

impl CredentialRules {
    /// Compiles the rules of a manifest.
    ///
    /// # Errors
    ///
    /// The fields exceed the contract's limits, or a pattern cannot be compiled.
    pub fn of(manifest: &Manifest) -> Result<Self, RuleError> {
        if manifest.credentials.len() > MAXIMUM_FIELDS {
            return Err(RuleError::TooManyFields);
        }
        let mut fields: Vec<Field> = Vec::new();
        for field in &manifest.credentials {
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if field.name.is_empty()
                || !field.name.chars().all(is_name)
                || fields.iter().any(|other| other.field.name == field.name)
            {
                return Err(RuleError::FieldName(field.name.clone()));
            }
            fields.push(Field::compile(field)?);
        }
        Ok(Self { provider: manifest.name.clone(), mode_source: manifest.mode_source, fields })
    }

    /// Classifies credentials. `chosen`: the mode that the merchant chose.
    ///
    /// # Errors
    ///
    /// `invalid-credentials`: a value is refused or missing, or the mode is not clear.
    pub fn classify(
        &self,
        given: &Credentials,
        chosen: Option<Mode>,
    ) -> Result<Accepted, ProviderError> {
        let mut kinds = BTreeMap::new();
        let mut stated: Option<Mode> = None;
        for field in &self.fields {
            let Some(AcceptedCredential { kind, mode }) = field.classify(given)? else { continue };
            kinds.insert(field.field.name.clone(), kind);
            if let (Some(before), Some(now)) = (stated, mode)
                && before != now
            {
                return Err(refused(
                    "mode-mismatch",
                    "One of the credentials is for test mode, and another one for live mode."
                        .to_owned(),
                    "Give credentials of the same mode.",
                ));
            }
            stated = stated.or(mode);
        }
        let mode = match (self.mode_source, stated, chosen) {
            (_, Some(stated), Some(chosen)) if stated != chosen => {
                return Err(refused(
                    "mode-mismatch",
                    format!(
                        "The credentials are for {} mode, not for {} mode.",
                        stated.as_str(),
                        chosen.as_str()
                    ),
                    "Give the credentials of the mode that you want, or leave the mode out.",
                ));
            }
            (_, Some(stated), _) => stated,
            (ModeSource::Merchant, None, Some(chosen)) => chosen,
            (ModeSource::Merchant, None, None) => {
                return Err(refused(
                    "mode-not-chosen",
                    format!(
                        "The credentials of {} do not show whether they are for test mode or for live mode.",
                        self.provider
                    ),
                    "Choose one: `--mode test` moves no real money, `--mode live` does.",
                ));
            }
            (ModeSource::Credential, None, _) => {
                return Err(refused(
                    "mode-unknown",
                    "The plugin does not say which mode such credentials are for.".to_owned(),
                    "Tell the plugin's developer: a rule has to give the mode.",
                ));
            }
        };
        Ok(Accepted { mode, kinds })
    }

    /// Why a value cannot be that of a field. None: its rules accept it, or there is no such field.
    #[must_use]
    pub fn refusal(&self, field: &str, value: &str) -> Option<Problem> {
        let given = Credentials::new([(field.to_owned(), value.to_owned().into())]);
        let field = self.fields.iter().find(|of| of.field.name == field)?;
        field.classify(&given).err().map(|error| error.problem().clone())
    }

    /// The credentials as the plugin sees them: without the values of those that authorise. `changed`: whether
    /// a field differs from the installation's credential before.
    pub fn for_plugin(
        &self,
        accepted: &Accepted,
        given: &Credentials,
        changed: impl Fn(&str) -> bool,
    ) -> Vec<Credential> {
        let describe = |field: &Field| {
            let name = field.field.name.clone();
            let secret = given.get(&name)?;
            let is_for_plugin = field.field.role == CredentialRole::SigningSecret;
            Some(Credential {
                kind: accepted.kinds.get(&name)?.clone(),
                changed: changed(&name),
                signing_secret: is_for_plugin.then(|| secret.expose_secret().to_owned()),
                name,
            })
        };
        self.fields.iter().filter_map(describe).collect()
    }
}

impl Field {
    fn compile(field: &CredentialField) -> Result<Self, RuleError> {
        if !(1..=MAXIMUM_RULES).contains(&field.rules.len()) {
            return Err(RuleError::RuleCount(field.name.clone()));
        }
        let mut rules = Vec::new();
        for (rule, number) in field.rules.iter().zip(1..) {
            let unusable = |why: String| {
                let field = field.name.clone();
                RuleError::Pattern { field, number, why }
            };
            if rule.pattern.len() > MAXIMUM_PATTERN {
                return Err(unusable(format!("it has more than {MAXIMUM_PATTERN} bytes")));
            }
            let pattern = RegexBuilder::new(&rule.pattern)
                .size_limit(PATTERN_MEMORY)
                .dfa_size_limit(PATTERN_MEMORY)
                .build()
                .map_err(|error| unusable(error.to_string()))?;
            rules.push((pattern, rule.meaning.clone()));
        }
        Ok(Self { field: field.clone(), rules })
    }

    /// Classifies the value of this field. None: an optional field without a value.
    fn classify(&self, given: &Credentials) -> Result<Option<AcceptedCredential>, ProviderError> {
        let value = given.get(&self.field.name).map(secrecy::ExposeSecret::expose_secret);
        let text = value.unwrap_or_default();
        if value.is_none() && !self.field.required {
            return Ok(None);
        }
        let applies = |meaning: &CredentialMeaning| {
            value.is_some() || matches!(meaning, CredentialMeaning::Refused(_))
        };
        let mut rules = self.rules.iter().filter(|(_, meaning)| applies(meaning));
        let meaning = rules.find(|(pattern, _)| pattern.is_match(text));
        match meaning.map(|(_, meaning)| meaning) {
            Some(CredentialMeaning::Refused(problem)) => {
                Err(ProviderError::InvalidCredentials(problem.clone()))
            }
            Some(CredentialMeaning::Accepted(accepted)) => Ok(Some(accepted.clone())),
            None => {
                let (code, what) = match value {
                    Some(_) => ("key-malformed", "has an unknown form"),
                    None => ("key-missing", "is empty"),
                };
                let message = format!("The {} {what}.", self.field.label);
                Err(refused(code, message, &self.field.help))
            }
        }
    }
}

fn refused(code: &str, message: String, step: &str) -> ProviderError {
    ProviderError::InvalidCredentials(Problem::new(code, message, &[step]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::CredentialRule;

    fn rule(pattern: &str) -> CredentialRule {
        let meaning =
            CredentialMeaning::Accepted(AcceptedCredential { kind: "k".to_owned(), mode: None });
        CredentialRule { pattern: pattern.to_owned(), meaning }
    }

    fn field(name: &str, rules: Vec<CredentialRule>) -> CredentialField {
        CredentialField {
            name: name.to_owned(),
            label: "Token".to_owned(),
            help: "Paste the token.".to_owned(),
            required: true,
            secret: true,
            role: CredentialRole::Authorization,
            rules,
        }
    }

    fn manifest(credentials: Vec<CredentialField>) -> Manifest {
        Manifest { credentials, ..Manifest::empty() }
    }

    #[test]
    fn form_limits_are_enforced() {
        let of = |fields| CredentialRules::of(&manifest(fields)).err();
        let many = |number| (0..number).map(|_| rule("a")).collect::<Vec<_>>();
        let fields = |number| (0..number).map(|n| field(&format!("f-{n}"), many(1))).collect();
        assert_eq!(of(fields(MAXIMUM_FIELDS)), None);
        assert_eq!(of(fields(MAXIMUM_FIELDS + 1)), Some(RuleError::TooManyFields));
        assert_eq!(of(vec![field("a", many(MAXIMUM_RULES))]), None);
        for number in [0, MAXIMUM_RULES + 1] {
            let refused = Some(RuleError::RuleCount("a".to_owned()));
            assert_eq!(of(vec![field("a", many(number))]), refused);
        }
        for name in ["", "A", "a b", "a_b", "é"] {
            let refused = Some(RuleError::FieldName(name.to_owned()));
            assert_eq!(of(vec![field(name, many(1))]), refused);
        }
        let twice = of(vec![field("a", many(1)), field("a", many(1))]);
        assert_eq!(twice, Some(RuleError::FieldName("a".to_owned())));
        assert_eq!(of(vec![field("a", vec![rule(&"a".repeat(MAXIMUM_PATTERN))])]), None);
        for pattern in [&"a".repeat(MAXIMUM_PATTERN + 1), "(", "a{1000}{1000}", "(?=a)"] {
            let refused = of(vec![field("a", vec![rule("a"), rule(pattern)])]);
            assert!(matches!(refused, Some(RuleError::Pattern { number: 2, .. })), "{pattern}");
        }
    }

    #[test]
    fn unmatched_value_is_refused_with_help() {
        let rules = CredentialRules::of(&manifest(vec![field("a", vec![rule("^t-")])])).unwrap();
        let classify = |value: &str| {
            let given = Credentials::new([("a".to_owned(), value.to_owned().into())]);
            rules.classify(&given, Some(Mode::Test)).map_err(|error| error.problem().clone())
        };
        assert!(classify(" t-1 ").is_ok());
        for (value, code) in [("x", "key-malformed"), ("", "key-missing"), (" \n", "key-missing")] {
            let problem = classify(value).unwrap_err();
            assert_eq!(
                (problem.code.as_str(), problem.remedy),
                (code, vec!["Paste the token.".to_owned()])
            );
        }
    }
}
