//! The credentials of an installation, by the names in the manifest.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::leaks::LEAST_SECRET;

/// The credentials of an installation, by the names in the manifest. Their values are kept out of
/// `Debug`.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, SecretString>);

impl Credentials {
    /// Takes what a merchant gave, without the white space around it. A blank value is not given.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let trimmed = |secret: SecretString| SecretString::from(secret.expose_secret().trim());
        let given = given.into_iter().map(|(name, secret)| (name, trimmed(secret)));
        Self(given.filter(|(_, secret)| !secret.expose_secret().is_empty()).collect())
    }

    /// Masks the credentials in a text that a plugin wrote.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0
            .values()
            .map(SecretString::expose_secret)
            .filter(|secret| secret.len() >= LEAST_SECRET)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "(the credential)"))
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// Whether both have the same value, or none, for a name.
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
