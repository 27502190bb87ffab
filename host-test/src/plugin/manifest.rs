//! The manifest of a component, which is foreign like every other answer: checked before it is used or shown.

use reqwest::header::HeaderName;
use thiserror::Error;

use crate::contract::types::Manifest;
use crate::foreign::{AnswerError, Inspector, line};

/// How long a provider's id may be, in bytes. Our own choice.
const LONGEST_ID: usize = 32;
/// How long a provider's name may be, in characters. Our own choice.
const LONGEST_NAME: usize = 40;

/// Why a manifest cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// The provider's id has another form.
    #[error(
        "the provider id '{0}' must have 1 to {LONGEST_ID} upper case letters, digits and '_', a letter first"
    )]
    ProviderId(String),
    /// The provider's name has another form.
    #[error(
        "the name '{0}' must have 1 to {LONGEST_NAME} letters, digits, single spaces and '&', '-' or ''', a letter or digit first"
    )]
    Name(String),
    /// The name of a header has another form.
    #[error("'{0}' is not the name of a header in lower case")]
    Header(String),
    /// Another field has no usable form.
    #[error("{0}")]
    Other(#[from] AnswerError),
}

/// The manifest with its sentences in a form that can be shown.
pub fn checked(manifest: Manifest, is_built_in: bool) -> Result<Manifest, ManifestError> {
    let shown = |text: &str| line(text, 2 * LONGEST_NAME).into_owned();
    if !is_provider_id(&manifest.provider_id) {
        return Err(ManifestError::ProviderId(shown(&manifest.provider_id)));
    }
    if !is_name(&manifest.name) {
        return Err(ManifestError::Name(shown(&manifest.name)));
    }
    for header in manifest.signature_headers.iter().chain(&manifest.repeat.header) {
        let parsed = HeaderName::try_from(header.as_str());
        if !parsed.is_ok_and(|parsed| parsed.as_str() == header) {
            return Err(ManifestError::Header(shown(header)));
        }
    }
    let name = manifest.name.clone();
    Ok(Inspector::new(&name, is_built_in).check(manifest, [], |_| ())?)
}

/// Upper case letters, digits and `_`, a letter first. It is a part of URLs and of the names of variables.
fn is_provider_id(id: &str) -> bool {
    let is_in_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    id.len() <= LONGEST_ID
        && id.bytes().all(is_in_id)
        && id.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
}

/// It marks what the plugin says, so it must not be able to end a sentence or to begin one of ours.
fn is_name(name: &str) -> bool {
    // Letters of the Latin script only: others may look like these, or turn the direction of a line.
    let is_in_name = |c: char| {
        c.is_ascii_alphanumeric()
            || ('\u{c0}'..='\u{24f}').contains(&c) && c.is_alphabetic()
            || matches!(c, ' ' | '&' | '-' | '\'')
    };
    name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_in_name)
        && name.chars().next().is_some_and(char::is_alphanumeric)
        && !name.ends_with(' ')
        && !name.contains("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Manifest)) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::empty();
        change(&mut manifest);
        checked(manifest, false)
    }

    #[test]
    fn provider_has_one_exact_id_and_a_plain_name() {
        for id in ["P", "ANDES_PAY2"] {
            assert!(with(|manifest| id.clone_into(&mut manifest.provider_id)).is_ok(), "{id}");
        }
        for id in ["", "andes", "1P", "_P", "A B", "A\nB", "А", "A-B", &"A".repeat(33)] {
            let refused = with(|manifest| id.clone_into(&mut manifest.provider_id)).unwrap_err();
            assert!(matches!(refused, ManifestError::ProviderId(_)), "{id}");
            assert!(!refused.to_string().contains('\n'));
        }
        for name in ["Andes Pay", "Größe & Co", "PagoFácil", "3D-Pay"] {
            assert!(with(|manifest| name.clone_into(&mut manifest.name)).is_ok(), "{name}");
        }
        let hostile = [
            "",
            " P",
            "P ",
            "Аndes",
            "אב",
            "[LIVE] P",
            "P\n[LIVE]",
            "P. Done",
            "P: Q",
            "P\u{202e}",
            "a  b",
        ];
        for name in hostile.into_iter().chain([&*"x".repeat(41)]) {
            let refused = with(|manifest| name.clone_into(&mut manifest.name)).unwrap_err();
            assert!(matches!(refused, ManifestError::Name(_)), "{name}");
        }
    }

    #[test]
    fn headers_and_words_have_one_exact_form() {
        let header =
            |name: &str| with(|manifest| manifest.signature_headers = vec![name.to_owned()]);
        assert!(header("x-signature").is_ok());
        for name in ["X-Signature", "", "a b", "x\r\ny: z", "é"] {
            assert!(matches!(header(name), Err(ManifestError::Header(_))), "{name}");
        }
        let repeat = with(|manifest| manifest.repeat.header = Some("X".to_owned()));
        assert!(matches!(repeat, Err(ManifestError::Header(_))));
        let event = with(|manifest| manifest.events = vec!["a\nb".to_owned()]);
        assert!(matches!(event, Err(ManifestError::Other(AnswerError::Malformed(_)))));
    }
}
