//! Reads every string of an answer once.

use secrecy::zeroize::Zeroizing;
use thiserror::Error;

use super::secrets::Secrets;
use super::text::{is_visible, line, one_line};
use crate::contract::types::Problem;

/// How long a sentence may be, in characters. Our own choice: the longest of the built-in plugin has 250.
const LONGEST_SENTENCE: usize = 1000;
/// How many steps a remedy, how many checks a report may have. Our own choice.
pub(super) const MOST_LINES: usize = 64;
/// How long an id, or a word for a program, may be, in bytes. Our own choice: the longest of a known provider has
/// 100.
const LONGEST_WORD: usize = 255;
/// How long a URL, a cursor or the value of an extra may be, in bytes. Our own choice: a checkout page's URL may
/// have more than a thousand.
const LONGEST_VALUE: usize = 8192;
/// How many extras, aliases, disputes or signing secrets there may be. Our own choice.
pub(super) const MOST_ENTRIES: usize = 128;
/// The shortest secret that is searched for, in bytes: shorter ones would match ordinary words.
const SHORTEST_SECRET: usize = 12;
/// In place of a code that has no readable form.
const UNREADABLE_CODE: &str = "code-unreadable";

/// Where a call may have done something before it ended.
pub const OUTCOME_NOT_KNOWN: &str = "What it did at the provider is not known.";
/// What to do then.
pub const REPEAT: &str = "Try again. For a payment or a refund, use the same reference.";

/// Why a plugin's answer is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    /// It holds a secret of the installation.
    #[error("it holds a secret of the installation")]
    SecretFound,
    /// A field has a form that nothing can use.
    #[error("its {0} has no usable form")]
    Malformed(&'static str),
    /// A field is not what was asked for.
    #[error("its {0} is not what was asked for")]
    NotAsked(&'static str),
    /// The customer is sent to an origin that is not approved.
    #[error("it sends the customer to {0}, which is not approved")]
    PageNotApproved(String),
}

impl AnswerError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        const REPORT: &str = "Tell the plugin's developer. If the plugin is not the built-in one, do not use it until it is explained.";
        match self {
            Self::SecretFound => Problem::new(
                "answer-holds-secret",
                format!(
                    "The plugin's answer was refused, because it holds a secret of this installation. {OUTCOME_NOT_KNOWN}"
                ),
                &[
                    REPORT,
                    "Replace the API key and the webhook's signing secret at the provider, and run `host-test install` with the new key.",
                ],
            ),
            Self::Malformed(_) | Self::NotAsked(_) => Problem::new(
                "answer-refused",
                format!("The plugin's answer was refused: {self}. {OUTCOME_NOT_KNOWN}"),
                &[REPEAT, REPORT],
            ),
            Self::PageNotApproved(origin) => {
                let approve = format!(
                    "If this is the merchant's own domain at the provider: run `host-test approve --page-origin {origin}` with the same --workspace and --component, and then the same command again."
                );
                Problem::new(
                    "page-not-approved",
                    format!("The plugin's answer was refused: {self}. {OUTCOME_NOT_KNOWN}"),
                    &[&approve, "Otherwise do not use the plugin, and tell its developer."],
                )
            }
        }
    }
}

/// An answer of a plugin. Every string of it passes the inspector.
pub trait Answer {
    /// Passes every string.
    fn pass(&mut self, inspector: &mut Inspector<'_>);
}

/// Reads an answer's strings, and says whether it may be used.
pub struct Inspector<'a> {
    /// The provider's name.
    provider: &'a str,
    is_built_in: bool,
    /// Every string, one after the other: a secret may be spread over several.
    seen: Zeroizing<Vec<u8>>,
    /// Signing secrets that this answer has to hold.
    given: Vec<Zeroizing<String>>,
    malformed: Option<&'static str>,
    /// A field of an entry that was left out.
    left_out: Option<&'static str>,
}

impl<'a> Inspector<'a> {
    /// An inspector for answers of the plugin of this provider. What the built-in plugin says is the host's own.
    #[must_use]
    pub fn new(provider: &'a str, is_built_in: bool) -> Self {
        Self {
            provider,
            is_built_in,
            seen: Zeroizing::default(),
            given: Vec::new(),
            malformed: None,
            left_out: None,
        }
    }

    /// Reads an answer and makes its sentences readable. `secrets` are those of its installation; `left_out` is told
    /// of a field for which an entry was left out.
    ///
    /// # Errors
    ///
    /// It holds a secret, or a field has no usable form.
    pub fn check<'s, T: Answer>(
        mut self,
        mut answer: T,
        secrets: impl IntoIterator<Item = &'s str>,
        left_out: impl FnOnce(&'static str),
    ) -> Result<T, AnswerError> {
        answer.pass(&mut self);
        let mut forbidden = Secrets::default();
        for secret in secrets {
            forbidden.add(secret, SHORTEST_SECRET);
        }
        for secret in &self.given {
            forbidden.add(secret, SHORTEST_SECRET);
        }
        if forbidden.are_in(&self.seen) {
            return Err(AnswerError::SecretFound);
        }
        if let Some(field) = self.left_out {
            left_out(field);
        }
        self.malformed.map_or(Ok(answer), |field| Err(AnswerError::Malformed(field)))
    }

    /// Without the characters that nobody sees: they may hide a secret.
    fn see(&mut self, text: &str) {
        self.seen.extend_from_slice(one_line(text).as_bytes());
    }

    fn refuse_unless(&mut self, is_right: bool, field: &'static str) {
        if !is_right {
            self.malformed = self.malformed.or(Some(field));
        }
    }

    /// A sentence that may stand at the beginning of a line. The provider's name marks it, so that it cannot look like
    /// one of ours. It may pass a second time, after it was stored.
    pub(super) fn message(&mut self, text: &mut String) {
        self.sentence(text);
        // The built-in plugin passes on what its provider says: it must not begin with a symbol of ours.
        let is_our_own = self.is_built_in && text.starts_with(char::is_alphanumeric);
        let mark = format!("{}: ", self.provider);
        if !text.is_empty() && !is_our_own && !text.starts_with(&mark) {
            text.insert_str(0, &mark);
        }
    }

    /// A sentence for a person that stands after words of ours.
    pub(super) fn sentence(&mut self, text: &mut String) {
        // Before it is cut: the rest of a secret must not remain.
        self.see(text);
        *text = line(text, LONGEST_SENTENCE).into_owned();
    }

    /// A code for a program.
    pub(super) fn code(&mut self, code: &mut String) {
        self.see(code);
        if !is_code(code) {
            UNREADABLE_CODE.clone_into(code);
        }
    }

    /// A provider's own word for something, which may have any form.
    pub(super) fn label(&mut self, label: &mut String) {
        self.see(label);
        *label = line(label, LONGEST_WORD).into_owned();
    }

    /// An id, or a word for a program: letters and digits of ASCII and a few signs. It may be empty where nothing is
    /// known.
    pub(super) fn word(&mut self, field: &'static str, word: &str) {
        self.see(word);
        // It may stand in a command for a person, so it holds no sign that means something to a shell.
        let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~,".contains(&byte);
        let is_right = word.len() <= LONGEST_WORD && word.bytes().all(is_in_word);
        self.refuse_unless(is_right, field);
    }

    /// Any value that goes back as it came: a cursor, the flow's reference, an extra.
    pub(super) fn value(&mut self, field: &'static str, value: &str) {
        self.see(value);
        let is_right = value.len() <= LONGEST_VALUE && !value.contains(char::is_control);
        self.refuse_unless(is_right, field);
    }

    /// A URL.
    pub(super) fn url(&mut self, field: &'static str, url: &str) {
        self.see(url);
        let is_right =
            url.len() <= LONGEST_VALUE && url.bytes().all(|byte| byte.is_ascii_graphic());
        self.refuse_unless(is_right, field);
    }

    /// Passes an entry of a list whose entries do not depend on each other. Returns whether it can be used.
    pub(super) fn entry(&mut self, entry: &mut impl Answer) -> bool {
        let before = self.malformed.take();
        entry.pass(self);
        self.left_out = self.left_out.or(self.malformed);
        std::mem::replace(&mut self.malformed, before).is_none()
    }

    /// How many entries a list has.
    pub(super) fn entries<T>(&mut self, field: &'static str, list: &[T]) {
        self.refuse_unless(list.len() <= MOST_ENTRIES, field);
    }

    /// A signing secret that the answer has to hold: anywhere else it must not be.
    pub(super) fn signing_secret(&mut self, secret: &str) {
        let is_right = secret.len() <= LONGEST_WORD && secret.chars().all(is_visible);
        self.refuse_unless(is_right, "signing secret");
        self.given.push(Zeroizing::new(secret.to_owned()));
    }
}

/// Whether a text is a code: at most 64 letters, digits, `-`, `_` and `.`, the first a letter or a digit.
/// Source: the contract, and the codes of known providers.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let is_in_code = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 64
        && text.bytes().all(is_in_code)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}
