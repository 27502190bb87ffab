//! The credential fields, with the rules by which the host recognises Stripe's keys and signing secrets.
//! The plugin never sees a key.
//!
//! The prefix tells the kind and the mode. No rule limits the length: keys of 32 and of more than 107
//! characters are in use.

use crate::bindings::brain_studio::payments::types::{
    AcceptedCredential, Credential, CredentialField, CredentialMeaning, CredentialRole,
    CredentialRule, Mode, Problem,
};
use crate::problem::problem;

/// The credential that authorises every request.
pub const API_KEY: &str = "api-key";
/// The signing secret of a webhook that the merchant created by hand.
const WEBHOOK_SECRET: &str = "webhook-secret";

/// The kind of a key with every permission.
const STANDARD: &str = "standard";
/// The kind of a key whose permissions the merchant chose.
const RESTRICTED: &str = "restricted";
/// The kind of a signing secret.
const SIGNING_SECRET: &str = "signing-secret";

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

/// The form that the merchant fills in.
pub fn fields() -> Vec<CredentialField> {
    vec![
        CredentialField {
            name: API_KEY.to_owned(),
            label: "API Key".to_owned(),
            help: "Paste your Secret API Key (sk_test_... or sk_live_...). Do not use the Publishable key (pk_...).".to_owned(),
            required: true,
            secret: true,
            role: CredentialRole::Authorization,
            rules: key_rules(),
        },
        CredentialField {
            name: WEBHOOK_SECRET.to_owned(),
            label: "Signing secret".to_owned(),
            help: "Only for a webhook that you created by hand: its signing secret in Stripe (whsec_...).".to_owned(),
            required: false,
            secret: true,
            role: CredentialRole::SigningSecret,
            rules: secret_rules(),
        },
    ]
}

/// The rules for an API key. Stripe's own command line requires at least ten characters after the
/// prefix.
fn key_rules() -> Vec<CredentialRule> {
    let malformed = |message, remedy| problem("key-malformed", message, remedy);
    vec![
        refused("^$", problem("key-missing", "The API Key is empty.", COPY_THE_SECRET_KEY)),
        refused(
            r"[\s\x00-\x1f\x7f-\u{9f}]",
            malformed(
                "There is a line break or a space inside the API Key. A key is one word without spaces.",
                COPY_IT_WHOLE,
            ),
        ),
        refused(
            "^pk_",
            problem(
                "key-publishable",
                "This is the Publishable key (pk_…), which cannot be used to install Stripe.",
                COPY_THE_SECRET_KEY,
            ),
        ),
        refused(
            "^whsec_",
            problem(
                "key-webhook-secret",
                "This is the signing secret of a webhook (whsec_…), not an API Key.",
                &[
                    "Keep it. It is only needed for a webhook that you created by hand.",
                    "In Stripe, open Developers → API Keys.",
                    "Copy the Secret key: it starts with sk_test_ (test mode) or sk_live_ (production).",
                    "Paste it as the API Key.",
                ],
            ),
        ),
        refused(
            "^sk_org_",
            problem(
                "key-organization",
                "This is the key of a Stripe organization (sk_org_…), which does not say which of its accounts to charge.",
                &[
                    "In Stripe, choose the account that receives the money.",
                    "Open Developers → API Keys in that account.",
                    "Copy its Secret key: it starts with sk_test_ (test mode) or sk_live_ (production).",
                ],
            ),
        ),
        refused(
            "^(rkcs|ek|pss)_",
            problem(
                "key-unsupported",
                "This is a Stripe secret for another purpose, not an API Key.",
                COPY_THE_SECRET_KEY,
            ),
        ),
        refused(
            "^[sr]k_(test|live)_.*[*.…•]",
            malformed(
                "This is a shortened API Key, with dots or stars in place of the rest.",
                COPY_IT_WHOLE,
            ),
        ),
        accepted("^sk_test_[A-Za-z0-9]{10,}$", STANDARD, Some(Mode::Test)),
        accepted("^sk_live_[A-Za-z0-9]{10,}$", STANDARD, Some(Mode::Live)),
        accepted("^rk_test_[A-Za-z0-9]{10,}$", RESTRICTED, Some(Mode::Test)),
        accepted("^rk_live_[A-Za-z0-9]{10,}$", RESTRICTED, Some(Mode::Live)),
        refused(
            "^[sr](k(_(t(es?)?|l(iv?)?|(test|live)(_[A-Za-z0-9]{0,9})?)?)?)?$",
            malformed("The API Key is not complete: a part of it is missing.", COPY_IT_WHOLE),
        ),
        refused(
            "",
            malformed(
                "This is not a Stripe API Key. A Secret key starts with sk_test_ or sk_live_, followed by letters and digits only.",
                COPY_THE_SECRET_KEY,
            ),
        ),
    ]
}

/// The rules for a signing secret. A wrong value is refused with what it seems to be.
fn secret_rules() -> Vec<CredentialRule> {
    let no_secret = |pattern, what: &str| {
        let message =
            format!("The signing secret of a webhook starts with whsec_, and this is {what}.");
        let remedy = &[
            "In Stripe, open Workbench → Webhooks and choose your endpoint.",
            "Reveal its signing secret (whsec_…) and paste all of it. Or leave the field empty.",
        ];
        refused(pattern, problem("webhook-secret-malformed", message, remedy))
    };
    vec![
        no_secret(r"\s", "a text with spaces inside"),
        no_secret("[*.…•]", "a shortened one"),
        no_secret("^[srp]k_", "an API key"),
        no_secret("^we_", "the id of a webhook endpoint"),
        accepted("^whsec_.", SIGNING_SECRET, None),
        no_secret("", "something else"),
    ]
}

fn accepted(pattern: &str, kind: &str, mode: Option<Mode>) -> CredentialRule {
    let meaning = CredentialMeaning::Accepted(AcceptedCredential { kind: kind.to_owned(), mode });
    CredentialRule { pattern: pattern.to_owned(), meaning }
}

fn refused(pattern: &str, problem: Problem) -> CredentialRule {
    CredentialRule { pattern: pattern.to_owned(), meaning: CredentialMeaning::Refused(problem) }
}

fn named<'a>(credentials: &'a [Credential], name: &str) -> Option<&'a Credential> {
    credentials.iter().find(|credential| credential.name == name)
}

/// Whether an API key was given.
pub fn has_key(credentials: &[Credential]) -> bool {
    named(credentials, API_KEY).is_some()
}

/// Whether the API key may lack permissions.
pub fn is_restricted(credentials: &[Credential]) -> bool {
    named(credentials, API_KEY).is_some_and(|key| key.kind != STANDARD)
}

/// Whether the API key is the one that the installation had before.
pub fn is_same_key(credentials: &[Credential]) -> bool {
    named(credentials, API_KEY).is_some_and(|key| !key.changed)
}

/// The signing secret, if the merchant gave one.
pub fn signing_secret(credentials: &[Credential]) -> Option<&str> {
    named(credentials, WEBHOOK_SECRET)?.signing_secret.as_deref()
}
