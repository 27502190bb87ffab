//! The credentials of an installation.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

/// The credentials of an installation, by field name. `Debug` does not show their values.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, SecretString>);

impl Credentials {
    /// The credentials that a merchant gave, without surrounding white space. Blank values are left out.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let trimmed = |secret: SecretString| SecretString::from(secret.expose_secret().trim());
        let given = given.into_iter().map(|(name, secret)| (name, trimmed(secret)));
        Self(given.filter(|(_, secret)| !secret.expose_secret().is_empty()).collect())
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// Whether both have the same value of a field, or both have none.
    #[must_use]
    pub fn agree(&self, other: &Self, name: &str) -> bool {
        let (one, other) = (self.get(name), other.get(name));
        one.map(SecretString::expose_secret) == other.map(SecretString::expose_secret)
    }

    /// The names and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, secret)| (name.as_str(), secret))
    }
}
