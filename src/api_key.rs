//! What a pasted API key is, told from its text alone.
//!
//! The prefix says the kind and the mode; its length is Stripe's business: keys of 32 and of more
//! than 107 characters are in use.

use hmac::Hmac;
use hmac::digest::{KeyInit, Mac};
use sha2::Sha256;

use crate::bindings::brain_studio::payments::types::{
    InstallRequest, Mode, Problem, ProviderError,
};
use crate::hex::hex;
use crate::manifest::API_KEY;
use crate::problem::problem;

/// Fewer characters than this after the prefix, and a part of the key is missing.
const LEAST_CHARACTERS: usize = 10;

const COPY_THE_SECRET_KEY: &[&str] = &[
    "In Stripe, open Developers → API Keys.",
    "Copy the Secret key: it starts with sk_test_ (test mode) or sk_live_ (production).",
    "Paste it as the API Key.",
];

const COPY_IT_WHOLE: &[&str] = &[
    "In Stripe, open Developers → API Keys.",
    "Copy the whole Secret key with Stripe's copy button. Stripe shows it in full only once: if you can no longer see it, create a new one.",
    "Paste it as the API Key.",
];

/// Why a text is no key to install with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// There is nothing.
    Missing,
    /// A line break or a space stands inside.
    Broken,
    /// It has the right prefix and too little after it.
    Truncated,
    /// It is what the Dashboard shows of a key, or what a guide shows in its place.
    Placeholder,
    /// `pk_…`
    Publishable,
    /// `whsec_…`
    WebhookSecret,
    /// `sk_org_…`
    Organization,
    /// Another secret of Stripe's.
    Unsupported,
    /// No key of Stripe's at all.
    Unknown,
}

/// The mode of an API key, if it is one to install with. White space around it is of no matter.
pub fn mode_of(key: &str) -> Result<Mode, KeyProblem> {
    let key = key.trim();
    if key.is_empty() {
        return Err(KeyProblem::Missing);
    }
    if key.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(KeyProblem::Broken);
    }
    for (prefix, is) in [
        ("pk_", KeyProblem::Publishable),
        ("whsec_", KeyProblem::WebhookSecret),
        ("sk_org_", KeyProblem::Organization),
        ("rkcs_", KeyProblem::Unsupported),
        ("ek_", KeyProblem::Unsupported),
        ("pss_", KeyProblem::Unsupported),
    ] {
        if key.starts_with(prefix) {
            return Err(is);
        }
    }
    let (mode, characters) = [
        ("sk_test_", Mode::Test),
        ("rk_test_", Mode::Test),
        ("sk_live_", Mode::Live),
        ("rk_live_", Mode::Live),
    ]
    .into_iter()
    .find_map(|(prefix, mode)| Some((mode, key.strip_prefix(prefix)?)))
    .ok_or_else(|| {
        let begins_a_key = ["sk_test_", "sk_live_", "rk_test_", "rk_live_"]
            .iter()
            .any(|prefix| prefix.starts_with(key));
        if begins_a_key { KeyProblem::Truncated } else { KeyProblem::Unknown }
    })?;
    if characters.contains(['*', '.', '…', '•']) {
        return Err(KeyProblem::Placeholder);
    }
    if !characters.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(KeyProblem::Unknown);
    }
    if characters.len() < LEAST_CHARACTERS {
        return Err(KeyProblem::Truncated);
    }
    Ok(mode)
}

fn key_of(request: &InstallRequest) -> &str {
    let mut credentials = request.credentials.iter();
    let key = credentials.find(|credential| credential.name == API_KEY);
    key.map_or("", |credential| credential.value.trim())
}

/// Whether the request's API key is a restricted one.
pub fn is_restricted(request: &InstallRequest) -> bool {
    key_of(request).starts_with("rk_")
}

/// A mark by which the same key is known again for the same installation. Nothing of the key can be
/// learned from it.
pub fn mark(request: &InstallRequest) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key_of(request).as_bytes()) else {
        return String::new();
    };
    hex(&mac.chain_update(request.installation_id.as_bytes()).finalize().into_bytes())
}

/// The mode that the request's API key stands for.
pub fn mode_of_request(request: &InstallRequest) -> Result<Mode, ProviderError> {
    mode_of(key_of(request)).map_err(|why| ProviderError::InvalidCredentials(why.problem()))
}

impl KeyProblem {
    /// What to tell the merchant. Nothing of the key is repeated.
    pub fn problem(self) -> Problem {
        let (code, message, remedy) = match self {
            Self::Missing => ("key-missing", "The API Key is empty.", COPY_THE_SECRET_KEY),
            Self::Broken => (
                "key-malformed",
                "There is a line break or a space inside the API Key. A key is one word without spaces.",
                COPY_IT_WHOLE,
            ),
            Self::Truncated => (
                "key-malformed",
                "The API Key is not complete: a part of it is missing.",
                COPY_IT_WHOLE,
            ),
            Self::Placeholder => (
                "key-malformed",
                "This is only the shortened form of an API Key, with dots or stars in place of the rest.",
                COPY_IT_WHOLE,
            ),
            Self::Publishable => (
                "key-publishable",
                "This is the Publishable key (pk_…), which cannot be used to install Stripe.",
                COPY_THE_SECRET_KEY,
            ),
            Self::WebhookSecret => (
                "key-webhook-secret",
                "This is the signing secret of a webhook (whsec_…), not an API Key.",
                &[
                    "Keep it: it is only needed for a webhook that you have made by hand.",
                    "In Stripe, open Developers → API Keys.",
                    "Copy the Secret key: it starts with sk_test_ (test mode) or sk_live_ (production).",
                    "Paste it as the API Key.",
                ][..],
            ),
            Self::Organization => (
                "key-organization",
                "This is the key of a Stripe organization (sk_org_…), which does not say which of its accounts to charge.",
                &[
                    "In Stripe, choose the account that shall receive the money.",
                    "Open Developers → API Keys in that account.",
                    "Copy its Secret key: it starts with sk_test_ (test mode) or sk_live_ (production).",
                ][..],
            ),
            Self::Unsupported => (
                "key-unsupported",
                "This is a secret of Stripe's for another purpose, not an API Key to install with.",
                COPY_THE_SECRET_KEY,
            ),
            Self::Unknown => (
                "key-malformed",
                "This is not an API Key of Stripe's. A Secret key starts with sk_test_ or sk_live_, followed by letters and digits only.",
                COPY_THE_SECRET_KEY,
            ),
        };
        problem(code, message, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_and_the_mode_are_told_from_the_text() {
        let rows = [
            ("sk_test_51Habcdefghijk", Ok(Mode::Test)),
            ("  sk_live_51Habcdefghijk\n", Ok(Mode::Live)),
            ("rk_test_51Habcdefghijk", Ok(Mode::Test)),
            ("rk_live_51Habcdefghijk", Ok(Mode::Live)),
            ("", Err(KeyProblem::Missing)),
            (" \t\r\n", Err(KeyProblem::Missing)),
            ("pk_test_51Habcdefghijk", Err(KeyProblem::Publishable)),
            ("pk_live_51Habcdefghijk", Err(KeyProblem::Publishable)),
            ("whsec_abcdefghijklmnop", Err(KeyProblem::WebhookSecret)),
            ("sk_org_test_abcdefghij", Err(KeyProblem::Organization)),
            ("rkcs_test_abcdefghijkl", Err(KeyProblem::Unsupported)),
            ("sk_test_51Habc\ndefghijk", Err(KeyProblem::Broken)),
            ("sk_test_51Habc defghijk", Err(KeyProblem::Broken)),
            ("sk_te", Err(KeyProblem::Truncated)),
            ("sk_test_", Err(KeyProblem::Truncated)),
            ("sk_test_51Habc", Err(KeyProblem::Truncated)),
            ("sk_test_...", Err(KeyProblem::Placeholder)),
            ("sk_live_••••••••••••AbCd", Err(KeyProblem::Placeholder)),
            ("sk_test_51Habcdefghijk_", Err(KeyProblem::Unknown)),
            ("SK_TEST_51Habcdefghijk", Err(KeyProblem::Unknown)),
            ("we_1Habcdefghijklmnop", Err(KeyProblem::Unknown)),
            ("https://dashboard.stripe.com", Err(KeyProblem::Unknown)),
        ];
        for (text, expected) in rows {
            assert_eq!(mode_of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_key_problem_says_what_to_do() {
        for why in [
            KeyProblem::Missing,
            KeyProblem::Broken,
            KeyProblem::Truncated,
            KeyProblem::Placeholder,
            KeyProblem::Publishable,
            KeyProblem::WebhookSecret,
            KeyProblem::Organization,
            KeyProblem::Unsupported,
            KeyProblem::Unknown,
        ] {
            let problem = why.problem();
            assert!(problem.message.ends_with('.'), "{why:?}");
            assert!(!problem.remedy.is_empty(), "{why:?}");
        }
    }
}
