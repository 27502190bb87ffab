//! The credential rules of a manifest: what a merchant's value is, told from its text alone, so that
//! no plugin has to see it.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use secrecy::ExposeSecret as _;
use thiserror::Error;

use crate::contract::types::{
    AcceptedCredential, Credential, CredentialField, CredentialMeaning, CredentialRole, Manifest,
    Mode, ModeSource, Problem, ProviderError,
};
use crate::egress::Credentials;

/// How many fields a form may have; the contract says so.
const FIELDS: usize = 16;
/// How many rules a field may have; the contract says so.
const RULES: usize = 32;
/// How long a pattern may be, in bytes; the contract says so.
const LONGEST_PATTERN: usize = 512;
/// How much memory one compiled pattern may take, in bytes; the contract says so. The largest of the
/// built-in plugin's takes a sixteenth of it.
const PATTERN_MEMORY: usize = 64 << 10;

/// Why the form of a manifest cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// There are more fields than a form may have.
    #[error("it has more than {FIELDS} credential fields")]
    TooManyFields,
    /// Two fields have one name, or a name is not lower case with hyphens.
    #[error("'{0}' is not a name of its own for a credential field: lower case with hyphens")]
    FieldName(String),
    /// A field has no rule, or too many.
    #[error("the field '{0}' has to have 1 to {RULES} rules")]
    RuleCount(String),
    /// A pattern is not one.
    #[error("rule {number} of the field '{field}' has no usable pattern: {why}")]
    Pattern {
        /// The field.
        field: String,
        /// Which rule, from 1 on.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// The rules of a manifest, ready to be used.
pub struct CredentialRules {
    provider: String,
    mode_source: ModeSource,
    fields: Vec<Field>,
}

struct Field {
    field: CredentialField,
    rules: Vec<(Regex, CredentialMeaning)>,
}

/// What credentials are, by the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The mode that they work in.
    pub mode: Mode,
    kinds: BTreeMap<String, String>,
}

impl CredentialRules {
    /// Compiles the rules of a manifest.
    ///
    /// # Errors
    ///
    /// The form is beyond the contract's limits, or a pattern cannot be compiled.
    pub fn of(manifest: &Manifest) -> Result<Self, RuleError> {
        if manifest.credentials.len() > FIELDS {
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

    /// What credentials are. `chosen` is the mode that the merchant has chosen.
    ///
    /// # Errors
    ///
    /// A value is refused or missing, or the mode is not clear: `invalid-credentials`, and nothing
    /// has been sent.
    pub fn judge(
        &self,
        given: &Credentials,
        chosen: Option<Mode>,
    ) -> Result<Accepted, ProviderError> {
        let mut kinds = BTreeMap::new();
        let mut told: Option<Mode> = None;
        for field in &self.fields {
            let Some(AcceptedCredential { kind, mode }) = field.judge(given)? else { continue };
            kinds.insert(field.field.name.clone(), kind);
            if let (Some(before), Some(now)) = (told, mode)
                && before != now
            {
                return Err(refused(
                    "mode-mismatch",
                    "One of the credentials is for test mode, and another one for live mode."
                        .to_owned(),
                    "Give credentials of the same mode.",
                ));
            }
            told = told.or(mode);
        }
        let mode = match (self.mode_source, told, chosen) {
            (_, Some(told), Some(chosen)) if told != chosen => {
                return Err(refused(
                    "mode-mismatch",
                    format!(
                        "The credentials are for {} mode, not for {} mode.",
                        told.as_str(),
                        chosen.as_str()
                    ),
                    "Give the credentials of the mode that you want, or leave the mode out.",
                ));
            }
            (_, Some(told), _) => told,
            (ModeSource::Merchant, None, Some(chosen)) => chosen,
            (ModeSource::Merchant, None, None) => {
                return Err(refused(
                    "mode-not-chosen",
                    format!(
                        "The credentials of {} do not tell whether they are for test mode or for live mode.",
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

    /// What the plugin is told of credentials: everything but the values of those that authorise.
    /// `changed` says whether one differs from what was there before.
    pub fn described(
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
        if !(1..=RULES).contains(&field.rules.len()) {
            return Err(RuleError::RuleCount(field.name.clone()));
        }
        let mut rules = Vec::new();
        for (rule, number) in field.rules.iter().zip(1..) {
            let unusable = |why: String| {
                let field = field.name.clone();
                RuleError::Pattern { field, number, why }
            };
            if rule.pattern.len() > LONGEST_PATTERN {
                return Err(unusable(format!("it has more than {LONGEST_PATTERN} bytes")));
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

    /// What the value of this field is. None: it is not given, and need not be.
    fn judge(&self, given: &Credentials) -> Result<Option<AcceptedCredential>, ProviderError> {
        let value = given.get(&self.field.name).map(secrecy::ExposeSecret::expose_secret);
        let text = value.unwrap_or_default();
        if value.is_none() && !self.field.required {
            return Ok(None);
        }
        let can_count = |meaning: &CredentialMeaning| {
            value.is_some() || matches!(meaning, CredentialMeaning::Refused(_))
        };
        let mut rules = self.rules.iter().filter(|(_, meaning)| can_count(meaning));
        let meaning = rules.find(|(pattern, _)| pattern.is_match(text));
        match meaning.map(|(_, meaning)| meaning) {
            Some(CredentialMeaning::Refused(problem)) => {
                Err(ProviderError::InvalidCredentials(problem.clone()))
            }
            Some(CredentialMeaning::Accepted(accepted)) => Ok(Some(accepted.clone())),
            None => {
                let (code, what) = match value {
                    Some(_) => ("key-malformed", "is not of a form that is known"),
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
    fn form_beyond_the_limits_is_refused() {
        let of = |fields| CredentialRules::of(&manifest(fields)).err();
        let many = |number| (0..number).map(|_| rule("a")).collect::<Vec<_>>();
        let fields = |number| (0..number).map(|n| field(&format!("f-{n}"), many(1))).collect();
        assert_eq!(of(fields(FIELDS)), None);
        assert_eq!(of(fields(FIELDS + 1)), Some(RuleError::TooManyFields));
        assert_eq!(of(vec![field("a", many(RULES))]), None);
        for number in [0, RULES + 1] {
            let refused = Some(RuleError::RuleCount("a".to_owned()));
            assert_eq!(of(vec![field("a", many(number))]), refused);
        }
        for name in ["", "A", "a b", "a_b", "é"] {
            let refused = Some(RuleError::FieldName(name.to_owned()));
            assert_eq!(of(vec![field(name, many(1))]), refused);
        }
        let twice = of(vec![field("a", many(1)), field("a", many(1))]);
        assert_eq!(twice, Some(RuleError::FieldName("a".to_owned())));
        assert_eq!(of(vec![field("a", vec![rule(&"a".repeat(LONGEST_PATTERN))])]), None);
        for pattern in [&"a".repeat(LONGEST_PATTERN + 1), "(", "a{1000}{1000}", "(?=a)"] {
            let refused = of(vec![field("a", vec![rule("a"), rule(pattern)])]);
            assert!(matches!(refused, Some(RuleError::Pattern { number: 2, .. })), "{pattern}");
        }
    }

    #[test]
    fn value_that_no_rule_matches_is_refused_with_the_fields_help() {
        let rules = CredentialRules::of(&manifest(vec![field("a", vec![rule("^t-")])])).unwrap();
        let judge = |value: &str| {
            let given = Credentials::new([("a".to_owned(), value.to_owned().into())]);
            rules.judge(&given, Some(Mode::Test)).map_err(|error| error.problem().clone())
        };
        assert!(judge(" t-1 ").is_ok());
        for (value, code) in [("x", "key-malformed"), ("", "key-missing"), (" \n", "key-missing")] {
            let problem = judge(value).unwrap_err();
            assert_eq!(
                (problem.code.as_str(), problem.remedy),
                (code, vec!["Paste the token.".to_owned()])
            );
        }
    }
}
