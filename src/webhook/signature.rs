//! Whether a delivery is from Stripe, and from now.
//!
//! The header is `t=<unix seconds>,v1=<64 lower-case hex>[,v1=…][,v0=…]`, and each `v1` the
//! HMAC-SHA256 of `<t>.<raw body>` with the whole text of a signing secret as its key. Several
//! `v1` stand there while a secret is being rolled. `v0` is a fake scheme of test mode and must
//! never be accepted.

use hmac::Hmac;
use hmac::digest::{CtOutput, KeyInit, Mac};
use sha2::Sha256;

use crate::bindings::brain_studio::payments::types::{Problem, WebhookRequest};
use crate::problem::problem;

type HmacSha256 = Hmac<Sha256>;
type Tag = CtOutput<HmacSha256>;

/// The header, in lower case.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// How far a delivery's time may be from ours, in seconds, in both directions. Stripe's SDKs all
/// use 300.
const TOLERANCE: u64 = 300;

/// Why a delivery is not taken for Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureProblem {
    /// The installation has no signing secret.
    NoSecret,
    /// One of its signing secrets is blank.
    BlankSecret,
    /// There is no header.
    NoHeader,
    /// The header has not exactly one time that can be read.
    MalformedHeader,
    /// The header has no `v1`.
    NoScheme,
    /// No `v1` was made with one of the secrets.
    Mismatch,
    /// Genuine, and too old.
    TooOld,
    /// Genuine, and of a time that has not come.
    InFuture,
}

/// Verifies a delivery, received at `now`, against every secret. A secret counts as it is, white
/// space included.
pub fn verify(
    secrets: &[String],
    request: &WebhookRequest,
    now: u64,
) -> Result<(), SignatureProblem> {
    if secrets.is_empty() {
        return Err(SignatureProblem::NoSecret);
    }
    if secrets.iter().any(|secret| secret.trim().is_empty()) {
        return Err(SignatureProblem::BlankSecret);
    }
    let header = request
        .headers
        .iter()
        .find(|(name, value)| name == SIGNATURE_HEADER && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .ok_or(SignatureProblem::NoHeader)?;
    let (time_text, time) = time_of(header)?;
    let signatures: Vec<&str> = values_of(header, "v1").collect();
    if signatures.is_empty() {
        return Err(SignatureProblem::NoScheme);
    }
    let tags: Vec<Tag> = signatures.into_iter().filter_map(tag_from_hex).collect();
    let mut is_genuine = false;
    for secret in secrets {
        let Ok(mac) = HmacSha256::new_from_slice(secret.as_bytes()) else {
            continue;
        };
        let expected =
            mac.chain_update(time_text).chain_update(b".").chain_update(&request.body).finalize();
        // Each is compared in constant time, and none ends the search.
        for tag in &tags {
            is_genuine |= *tag == expected;
        }
    }
    if !is_genuine {
        return Err(SignatureProblem::Mismatch);
    }
    if now.saturating_sub(time) > TOLERANCE {
        return Err(SignatureProblem::TooOld);
    }
    if time.saturating_sub(now) > TOLERANCE {
        return Err(SignatureProblem::InFuture);
    }
    Ok(())
}

/// The values of an element, in the header's order. Elements that do not parse are passed over.
fn values_of<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header
        .split(',')
        .filter_map(|element| element.split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The one time of the header, as it is written and as a number: canonical decimal, no sign, no
/// space, no leading zero.
fn time_of(header: &str) -> Result<(&str, u64), SignatureProblem> {
    let mut times = values_of(header, "t");
    let (Some(text), None) = (times.next(), times.next()) else {
        return Err(SignatureProblem::MalformedHeader);
    };
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(time) if is_canonical => Ok((text, time)),
        _ => Err(SignatureProblem::MalformedHeader),
    }
}

/// A tag from 64 lower-case hexadecimal digits, which is what Stripe writes.
fn tag_from_hex(text: &str) -> Option<Tag> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut tag = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != tag.len() || !rest.is_empty() {
        return None;
    }
    for (byte, &[high, low]) in tag.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(Tag::new(tag.into()))
}

const CHECK_THE_SECRET: &[&str] = &[
    "In Stripe, open Workbench → Webhooks and choose the endpoint that sent this.",
    "Reveal its signing secret (whsec_…). Test mode and production have different ones.",
    "Install again with the API Key and that secret.",
];

impl SignatureProblem {
    /// What to tell a person.
    pub fn problem(self) -> Problem {
        match self {
            Self::NoSecret => problem(
                "secret-missing",
                "No signing secret is known, so the delivery cannot be verified.",
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
                &[
                    "If something stands between Stripe and this address, let it pass the header on.",
                ],
            ),
            Self::MalformedHeader => problem(
                "signature-malformed",
                "The delivery's Stripe-Signature header cannot be read.",
                &[
                    "If something stands between Stripe and this address, let it pass the header on as it is.",
                ],
            ),
            Self::NoScheme => problem(
                "signature-scheme-missing",
                "The delivery's Stripe-Signature header holds no signature of the scheme v1.",
                &[
                    "If something stands between Stripe and this address, let it pass the header on as it is.",
                ],
            ),
            Self::Mismatch => problem(
                "signature-mismatch",
                "The delivery was not signed with the signing secret of this installation, or was changed on its way.",
                CHECK_THE_SECRET,
            ),
            Self::TooOld => problem(
                "timestamp-too-old",
                "The delivery is genuine, and was signed more than five minutes ago.",
                &[
                    "Check the clock of the computer that receives it. Stripe signs every new attempt afresh.",
                ],
            ),
            Self::InFuture => problem(
                "timestamp-in-future",
                "The delivery is genuine, and was signed more than five minutes in the future.",
                &["Check the clock of the computer that receives it."],
            ),
        }
    }
}
