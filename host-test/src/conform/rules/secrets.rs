//! Secrets stay where they belong, and test mode never meets live mode.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, expect, failed, not_applicable};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::exchange::Exchange;
use crate::conform::functions::{Answered, FUNCTIONS, call, ready};
use crate::conform::kit::Kit;
use crate::conform::world::World;
use crate::contract::types::{CredentialRole, Mode};
use crate::foreign::Secrets;

/// The shortest credential that is searched for, in bytes: shorter ones would match ordinary words.
const SHORTEST: usize = 8;

/// No secret leaves in a request or an answer.
pub const SECRETS_STAY: Rule = Rule {
    name: "secrets-stay",
    why: "Whoever reads a signing secret can forge deliveries. Whoever reads a key has the account.",
    cases: |_| {
        let case = |function: &'static str| {
            Case::new(function, move |kit, evidence| stays(kit, evidence, function))
        };
        fixed(FUNCTIONS.into_iter().map(case).collect())
    },
};

/// Each mode calls its own hosts only.
pub const OWN_ORIGINS: Rule = Rule {
    name: "own-origins",
    why: "A test that reaches the live account moves real money.",
    cases: |_| {
        fixed(vec![
            Case::new("test", |kit, evidence| own_origins(kit, evidence, Mode::Test)),
            Case::new("live", |kit, evidence| own_origins(kit, evidence, Mode::Live)),
        ])
    },
};

async fn stays(kit: Arc<Kit>, evidence: Evidence, function: &'static str) -> Outcome {
    let direct = Direct::start(kit, evidence).await?;
    let arguments = ready(&direct, function).await?;
    let answered = call(&direct, &arguments).await?;
    let manifest = direct.plugin.manifest();
    let mut signing = Secrets::default();
    for secret in &direct.installation.webhook.signing_secrets {
        signing.add(secret, SHORTEST);
    }
    let mut keys = Secrets::default();
    for field in manifest.credentials.iter().filter(|field| field.secret) {
        let value = direct.world.kit.scenario.credentials.test.get(&field.name);
        if let Some(value) = value.filter(|_| field.role == CredentialRole::Authorization) {
            keys.add(value.expose_secret(), SHORTEST);
        }
    }
    let all = direct.world.interposer.all();
    for exchange in all.iter().filter(|exchange| !exchange.is_of_host) {
        expect(!signing.are_in(&sent(exchange, true)), || {
            format!("{function} sends a signing secret with {}", exchange.method)
        })?;
        // The host adds the key to headers, and nothing else.
        expect(!keys.are_in(&sent(exchange, false)), || {
            format!("{function} sends a credential in the URL or the body of {}", exchange.method)
        })?;
    }
    if let Answered::Ok(mut value) = answered {
        // These two give the signing secrets to the host.
        for path in ["/webhook/signing_secrets", "/installation/webhook/signing_secrets"] {
            if let Some(secrets) = value.pointer_mut(path) {
                *secrets = serde_json::Value::Null;
            }
        }
        let answer = value.to_string();
        expect(!signing.are_in(answer.as_bytes()) && !keys.are_in(answer.as_bytes()), || {
            format!("the answer of {function} holds a secret")
        })?;
    }
    Ok(())
}

/// What a request holds, one after the other.
fn sent(exchange: &Exchange, with_headers: bool) -> Vec<u8> {
    let mut sent = exchange.target.clone().into_bytes();
    sent.push(b'\n');
    sent.extend_from_slice(&exchange.body);
    if with_headers {
        for (name, value) in &exchange.headers {
            sent.extend_from_slice(name.as_str().as_bytes());
            sent.push(b':');
            sent.extend_from_slice(value.as_bytes());
            sent.push(b'\n');
        }
    }
    sent
}

/// Every function in one mode: no request goes to an origin of the other, or is denied.
async fn own_origins(kit: Arc<Kit>, evidence: Evidence, mode: Mode) -> Outcome {
    let made_by = kit.usual_webhook();
    let world = World::start(kit, evidence, mode).await?;
    let direct = Direct::install(world, made_by).await?;
    if direct.request.mode != mode {
        return failed("the credentials are classified as the other mode's");
    }
    let mut called = 0;
    for function in FUNCTIONS.into_iter().filter(|function| *function != "uninstall") {
        match ready(&direct, function).await {
            Ok(arguments) => {
                called += 1;
                call(&direct, &arguments).await?;
            }
            Err(Ending::NotApplicable(_)) => {}
            Err(ending) => return Err(ending),
        }
    }
    if called == 0 {
        return not_applicable("no function could be called");
    }
    let manifest = direct.plugin.manifest();
    for exchange in direct.world.interposer.all().iter().filter(|of| !of.is_of_host) {
        let is_own = manifest.origins.iter().any(|origin| {
            origin.url == exchange.origin && origin.mode.is_none_or(|only| only == mode)
        });
        expect(is_own, || format!("{} was called in {} mode", exchange.origin, mode.as_str()))?;
    }
    expect(!direct.denied(), || {
        "the host has denied a request: its origin, its method or a header".to_owned()
    })
}
