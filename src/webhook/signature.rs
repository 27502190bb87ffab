//! Verifying the signature and the age of a delivery.
//!
//! The header is `t=<unix seconds>,v1=<64 lower-case hex>[,v1=…][,v0=…]`. Each `v1` is the HMAC-SHA256 of
//! `<t>.<raw body>`; its key is the whole text of a signing secret. There are several `v1` while a secret
//! is being rolled. `v0` is a fake scheme of test mode and is never accepted. Source: Stripe's
//! documentation, "Verify webhook signatures manually".

use hmac::Hmac;
use hmac::digest::{CtOutput, KeyInit, Mac};
use sha2::Sha256;

use crate::bindings::brain_studio::payments::types::{Problem, WebhookRequest};
use crate::problem::problem;

type HmacSha256 = Hmac<Sha256>;
type Tag = CtOutput<HmacSha256>;

/// The signature header's name, in lower case.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// How far the header's time may be from the host's clock, in seconds, in both directions. Every Stripe SDK
/// uses 300 by default.
const TOLERANCE: u64 = 300;

/// Why a delivery is not accepted as Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The installation has no signing secret.
    NoSecret,
    /// One of its signing secrets is blank.
    BlankSecret,
    /// There is no header.
    NoHeader,
    /// The header does not have exactly one readable time.
    MalformedHeader,
    /// The header has no `v1`.
    NoScheme,
    /// No `v1` was made with one of the secrets.
    Mismatch,
    /// It is genuine and older than the tolerance.
    TooOld,
    /// It is genuine and further in the future than the tolerance.
    InFuture,
}

/// Verifies a delivery, received at `now`, with every secret. Secrets are used as they are, white space
/// included.
pub fn verify(
    secrets: &[String],
    request: &WebhookRequest,
    now: u64,
) -> Result<(), SignatureError> {
    if secrets.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    if secrets.iter().any(|secret| secret.trim().is_empty()) {
        return Err(SignatureError::BlankSecret);
    }
    let header = request
        .headers
        .iter()
        .find(|(name, value)| name == SIGNATURE_HEADER && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .ok_or(SignatureError::NoHeader)?;
    let (time_text, time) = time_of(header)?;
    let signatures: Vec<&str> = values_of(header, "v1").collect();
    if signatures.is_empty() {
        return Err(SignatureError::NoScheme);
    }
    let tags: Vec<Tag> = signatures.into_iter().filter_map(tag_from_hex).collect();
    let mut is_genuine = false;
    for secret in secrets {
        let Ok(mac) = HmacSha256::new_from_slice(secret.as_bytes()) else {
            continue;
        };
        let expected =
            mac.chain_update(time_text).chain_update(b".").chain_update(&request.body).finalize();
        // Constant time: every signature is compared, whatever the result of the others.
        for tag in &tags {
            is_genuine |= *tag == expected;
        }
    }
    if !is_genuine {
        return Err(SignatureError::Mismatch);
    }
    if now.saturating_sub(time) > TOLERANCE {
        return Err(SignatureError::TooOld);
    }
    if time.saturating_sub(now) > TOLERANCE {
        return Err(SignatureError::InFuture);
    }
    Ok(())
}

/// The values of an element, in the header's order. Malformed elements are skipped.
fn values_of<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header
        .split(',')
        .filter_map(|element| element.split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The header's time, as text and as a number. It must be a decimal without a sign, a space or a leading
/// zero.
fn time_of(header: &str) -> Result<(&str, u64), SignatureError> {
    let mut times = values_of(header, "t");
    let (Some(text), None) = (times.next(), times.next()) else {
        return Err(SignatureError::MalformedHeader);
    };
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(time) if is_canonical => Ok((text, time)),
        _ => Err(SignatureError::MalformedHeader),
    }
}

/// Decodes a tag from 64 lower-case hexadecimal digits, the form that Stripe sends.
fn tag_from_hex(text: &str) -> Option<Tag> {
    let mut tag = [0; 32];
    let length = base16ct::lower::decode(text, &mut tag).ok()?.len();
    (length == tag.len()).then(|| Tag::new(tag.into()))
}

const CHECK_THE_SECRET: &[&str] = &[
    "In Stripe, open Workbench → Webhooks and choose the endpoint that sent this.",
    "Reveal its signing secret (whsec_…). Test mode and production have different ones.",
    "Install again with the API Key and that secret.",
];

impl SignatureError {
    /// The problem for a person.
    pub fn problem(self) -> Problem {
        match self {
            Self::NoSecret => problem(
                "secret-missing",
                "No signing secret is stored, so the delivery cannot be verified.",
                CHECK_THE_SECRET,
            ),
            Self::BlankSecret => problem(
                "secret-blank",
                "A signing secret is empty, so the delivery cannot be verified.",
                CHECK_THE_SECRET,
            ),
            Self::NoHeader => problem(
                "signature-missing",
                "The delivery has no Stripe-Signature header, so it is not from Stripe.",
                &["If a proxy is between Stripe and this URL, let it pass the header on."],
            ),
            Self::MalformedHeader => problem(
                "signature-malformed",
                "The delivery's Stripe-Signature header cannot be read.",
                &[
                    "If a proxy is between Stripe and this URL, let it pass the header on unchanged.",
                ],
            ),
            Self::NoScheme => problem(
                "signature-scheme-missing",
                "The delivery's Stripe-Signature header has no signature of the scheme v1.",
                &[
                    "If a proxy is between Stripe and this URL, let it pass the header on unchanged.",
                ],
            ),
            Self::Mismatch => problem(
                "signature-mismatch",
                "The delivery was not signed with the signing secret of this installation, or was changed on the way.",
                CHECK_THE_SECRET,
            ),
            Self::TooOld => problem(
                "timestamp-too-old",
                "The delivery is genuine, but was signed more than five minutes ago.",
                &[
                    "Check the clock of the computer that receives it. Stripe signs each new attempt again.",
                ],
            ),
            Self::InFuture => problem(
                "timestamp-in-future",
                "The delivery is genuine, but was signed more than five minutes in the future.",
                &["Check the clock of the computer that receives it."],
            ),
        }
    }
}
