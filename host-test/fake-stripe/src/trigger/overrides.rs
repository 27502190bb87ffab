//! The fields of an event's object that the caller has chosen.

use std::collections::BTreeMap;
use std::str::FromStr;

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

use super::error::TriggerError;

/// A field and its value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Override {
    path: String,
    value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text.split_once('=').ok_or("it has the form PATH=VALUE")?;
        Ok(Self { path: path.to_owned(), value: value.to_owned() })
    }
}

/// The chosen fields. Each is one that can be chosen.
pub struct Overrides(BTreeMap<String, String>);

impl Overrides {
    /// Checks that each field is among those that can be chosen. `metadata.*`: each name in the metadata.
    pub fn new(
        overrides: Vec<Override>,
        known: &'static [&'static str],
    ) -> Result<Self, TriggerError> {
        let is_known = |path: &str| {
            known.iter().any(|known| match known.strip_suffix('*') {
                Some(map) => path.strip_prefix(map).is_some_and(|name| !name.is_empty()),
                None => *known == path,
            })
        };
        if let Some(wrong) = overrides.iter().find(|one| !is_known(&one.path)) {
            return Err(TriggerError::UnknownPath { path: wrong.path.clone(), known });
        }
        Ok(Self(overrides.into_iter().map(|one| (one.path, one.value)).collect()))
    }

    /// The value of a field.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The value of a field that is an amount, in Stripe's units.
    pub fn amount(&self, path: &str) -> Result<Option<u64>, TriggerError> {
        let parse = |text: &str| {
            text.parse().ok().filter(|&amount| amount > 0).ok_or_else(|| {
                invalid(
                    path,
                    "An amount is a whole number of at least 1, such as 1050 for 10.50 USD.",
                )
            })
        };
        self.text(path).map(parse).transpose()
    }

    /// The currency. None was chosen: dollars.
    pub fn currency(&self) -> Result<String, TriggerError> {
        let code = self.text("currency").unwrap_or("usd");
        match Currency::from_code(&code.to_uppercase()) {
            Some(_) => Ok(code.to_lowercase()),
            None => Err(invalid("currency", "A currency is an ISO 4217 code, such as eur.")),
        }
    }

    /// The value of a field that has one of some values. The first is the one that it has otherwise.
    pub fn choice(
        &self,
        path: &str,
        choices: &'static [&'static str],
    ) -> Result<&'static str, TriggerError> {
        let first = choices.first().copied().unwrap_or_default();
        let Some(text) = self.text(path) else { return Ok(first) };
        let chosen = choices.iter().find(|choice| **choice == text);
        chosen
            .copied()
            .ok_or_else(|| invalid(path, &format!("Choose one of: {}.", choices.join(", "))))
    }

    /// The names and values of a map, such as `metadata`.
    pub fn map(&self, path: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(full, value)| {
            Some((full.strip_prefix(path)?.strip_prefix('.')?, value.as_str()))
        })
    }
}

/// A field has a value that it cannot have.
pub fn invalid(path: &str, reason: &str) -> TriggerError {
    TriggerError::InvalidValue { path: path.to_owned(), reason: reason.to_owned() }
}
