//! Nothing that the provider has not signed counts.

use std::sync::Arc;

use regex::Regex;

use super::fixed;
use crate::conform::case::{
    Case, Ending, Outcome, Rule, described, expect, not_applicable, not_tested,
};
use crate::conform::direct::Direct;
use crate::conform::door::Delivery;
use crate::conform::evidence::{Evidence, shown};
use crate::conform::functions::delivery;
use crate::conform::kit::Kit;
use crate::conform::scenario::Missing;
use crate::conform::told::Told as _;
use crate::contract::types::{
    DeliveredEvent, IgnoredDelivery, Installation, Verification, WebhookError, WebhookOutcome,
    WebhookRequest,
};

/// A changed delivery is refused.
pub const FORGERY_REFUSED: Rule = Rule {
    name: "forgery-refused",
    why: "Whoever can change one byte of a delivery can say that somebody has paid.",
    cases: |_| {
        fixed(vec![
            Case::new("each-byte-of-the-body", each_byte_of_the_body),
            Case::new("each-byte-of-the-headers", each_byte_of_the_headers),
        ])
    },
};

/// A delivery without the right signature is never genuine.
pub const UNSIGNED_REFUSED: Rule = Rule {
    name: "unsigned-refused",
    why: "Anybody can post to the URL of a webhook.",
    cases: |_| {
        fixed(vec![
            Case::new("without-headers", without_headers),
            Case::new("without-one-header", without_one_header),
            Case::new("empty-headers", empty_headers),
            Case::new("other-secret", other_secret),
            Case::new("no-secret", no_secret),
        ])
    },
};

/// A genuine delivery of another time is refused.
pub const REPLAY_REFUSED: Rule = Rule {
    name: "replay-refused",
    why: "A delivery that was read on the way could be sent again at any time.",
    cases: |_| {
        fixed(vec![
            Case::new("too-old", |kit, evidence| replayed(kit, evidence, true)),
            Case::new("in-the-future", |kit, evidence| replayed(kit, evidence, false)),
        ])
    },
};

/// How far beyond the tolerance, in seconds: the fake signs a little before the delivery comes.
const BEYOND: u64 = 60;

/// A genuine delivery, and the installation that it is for.
async fn genuine(kit: Arc<Kit>, evidence: Evidence) -> Result<(Direct, Delivery), Ending> {
    kit.scenario.needs_deliveries()?;
    kit.scenario.needs(Missing::Signatures)?;
    let direct = Direct::start(kit, evidence).await?;
    // The scenario decides whether there is a signature, and not the plugin.
    expect(direct.installation.webhook.verification == Verification::ByPlugin, || {
        "the provider signs deliveries, and the installation says `verification: none`".to_owned()
    })?;
    expect(!direct.plugin.manifest().signature_headers.is_empty(), || {
        "the provider signs deliveries, and the manifest names no signature header".to_owned()
    })?;
    let delivery = delivery(&direct).await?;
    let read =
        handle(&direct, &direct.installation, delivery.received_at, &delivery.request()).await?;
    expect(is_verified(&read), || {
        "the delivery as it came is not verified, so nothing can be said about a changed one"
            .to_owned()
    })?;
    Ok((direct, delivery))
}

async fn handle(
    direct: &Direct,
    installation: &Installation,
    at: u64,
    request: &WebhookRequest,
) -> Result<Result<WebhookOutcome, WebhookError>, Ending> {
    Ok(direct.plugin.handle_webhook(direct.call(), at, installation, request).await?)
}

fn is_verified(read: &Result<WebhookOutcome, WebhookError>) -> bool {
    matches!(
        read,
        Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, .. })
            | WebhookOutcome::Ignored(IgnoredDelivery { verified: true, .. }))
    )
}

/// Fails unless a delivery is refused for good. `what`: how it was changed. What was sent and came back is written
/// down only then: most cases send hundreds.
fn expect_refused(
    direct: &Direct,
    request: &WebhookRequest,
    read: &Result<WebhookOutcome, WebhookError>,
    what: &str,
) -> Outcome {
    let why = match read {
        Err(WebhookError::Unverified(_) | WebhookError::Refused(_)) => return Ok(()),
        Err(error) => format!("a delivery {what} is answered with {}", error.case()),
        Ok(_) if is_verified(read) => format!("a delivery {what} is verified"),
        Ok(_) => format!("a delivery {what} is not refused"),
    };
    let evidence = &direct.world.evidence;
    evidence.add(&format!("a delivery {what}: {}", shown(&request.body)));
    for (name, value) in &request.headers {
        if direct.plugin.manifest().signature_headers.contains(name) {
            evidence.add(&format!("with the header {name}: {value}"));
        }
    }
    evidence.add(&match read {
        Ok(outcome) => {
            let json = serde_json::to_vec(outcome).unwrap_or_default();
            format!("handle-webhook → ok: {}", shown(&json))
        }
        Err(error) => format!("handle-webhook → {}: {}", error.case(), described(error.told())),
    });
    Err(Ending::Failed(why))
}

async fn each_byte_of_the_body(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    if !kit.scenario.signature.body {
        return not_applicable("the body is not signed");
    }
    let (direct, delivery) = genuine(kit, evidence).await?;
    let request = delivery.request();
    for index in 0..request.body.len() {
        let mut changed = request.clone();
        if let Some(byte) = changed.body.get_mut(index) {
            *byte ^= 1;
        }
        let read = handle(&direct, &direct.installation, delivery.received_at, &changed).await?;
        expect_refused(
            &direct,
            &changed,
            &read,
            &format!("whose byte {index} of the body was changed"),
        )?;
    }
    let mut longer = request.clone();
    longer.body.push(b' ');
    let read = handle(&direct, &direct.installation, delivery.received_at, &longer).await?;
    expect_refused(&direct, &longer, &read, "with a space behind its body")
}

/// The part of a header's value that counts.
fn signed_part(kit: &Kit, name: &str, value: &str) -> std::ops::Range<usize> {
    let pattern = kit.scenario.signature.headers.get(name);
    let found = pattern.and_then(|pattern| Regex::new(pattern).ok()).and_then(|pattern| {
        let found = pattern.find(value)?;
        Some(found.range())
    });
    found.unwrap_or(0..value.len())
}

async fn each_byte_of_the_headers(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    let request = delivery.request();
    let names = &direct.plugin.manifest().signature_headers;
    let mut tried = 0;
    for (position, (name, value)) in request.headers.iter().enumerate() {
        if !names.contains(name) || !value.is_ascii() {
            continue;
        }
        for index in signed_part(&direct.world.kit, name, value) {
            let mut bytes = value.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(index) {
                *byte ^= 1;
            }
            let mut changed = request.clone();
            if let (Some(header), Ok(value)) =
                (changed.headers.get_mut(position), String::from_utf8(bytes))
            {
                header.1 = value;
            }
            let read =
                handle(&direct, &direct.installation, delivery.received_at, &changed).await?;
            expect_refused(
                &direct,
                &changed,
                &read,
                &format!("whose character {index} of {name} was changed"),
            )?;
            tried += 1;
        }
    }
    expect(tried > 0, || "the delivery has none of the manifest's signature headers".to_owned())
}

async fn without_headers(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    let mut request = delivery.request();
    request.headers.retain(|(name, _)| !direct.plugin.manifest().signature_headers.contains(name));
    let read = handle(&direct, &direct.installation, delivery.received_at, &request).await?;
    expect_refused(&direct, &request, &read, "without its signature headers")
}

async fn without_one_header(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    for header in &direct.plugin.manifest().signature_headers {
        let mut request = delivery.request();
        request.headers.retain(|(name, _)| name != header);
        let read = handle(&direct, &direct.installation, delivery.received_at, &request).await?;
        expect_refused(&direct, &request, &read, &format!("without the header {header}"))?;
    }
    Ok(())
}

async fn empty_headers(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    let names = &direct.plugin.manifest().signature_headers;
    let mut request = delivery.request();
    for (_, value) in request.headers.iter_mut().filter(|(name, _)| names.contains(name)) {
        value.clear();
    }
    let read = handle(&direct, &direct.installation, delivery.received_at, &request).await?;
    expect_refused(&direct, &request, &read, "with empty signature headers")
}

async fn other_secret(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    let mut installation = direct.installation.clone();
    for secret in &mut installation.webhook.signing_secrets {
        // The same length and the same letters.
        *secret = secret.chars().rev().collect();
    }
    let request = delivery.request();
    let read = handle(&direct, &installation, delivery.received_at, &request).await?;
    expect_refused(&direct, &request, &read, "that was signed with another secret")
}

async fn no_secret(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, delivery) = genuine(kit, evidence).await?;
    for secrets in [Vec::new(), vec![String::new()]] {
        let mut installation = direct.installation.clone();
        installation.webhook.signing_secrets = secrets;
        let read =
            handle(&direct, &installation, delivery.received_at, &delivery.request()).await?;
        expect(!is_verified(&read), || {
            "a delivery is verified although the installation has no signing secret".to_owned()
        })?;
    }
    Ok(())
}

async fn replayed(kit: Arc<Kit>, evidence: Evidence, is_old: bool) -> Outcome {
    kit.scenario.needs_deliveries()?;
    kit.scenario.needs(Missing::DeliveryAges)?;
    let Some(tolerance) = kit.scenario.signature.tolerance_seconds else {
        return not_tested("the scenario has no `tolerance-seconds`");
    };
    let (direct, delivery) = genuine(kit, evidence).await?;
    let at = |seconds: u64| {
        let received = delivery.received_at;
        if is_old { received + seconds } else { received.saturating_sub(seconds) }
    };
    let request = delivery.request();
    let inside = at(tolerance.saturating_sub(BEYOND));
    let read = handle(&direct, &direct.installation, inside, &request).await?;
    expect(is_verified(&read), || {
        format!("a delivery {} seconds away is refused", tolerance.saturating_sub(BEYOND))
    })?;
    for seconds in [tolerance + BEYOND, 10 * tolerance + BEYOND, 1 << 30] {
        let read = handle(&direct, &direct.installation, at(seconds), &request).await?;
        let when = if is_old { "after" } else { "before" };
        expect_refused(
            &direct,
            &request,
            &read,
            &format!("that came {seconds} seconds {when} it was signed"),
        )?;
    }
    Ok(())
}
