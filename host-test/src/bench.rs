//! The benchmark of one delivery: in a fresh instance, in a warm instance, and natively.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bundled_provider::bindings::brain_studio::payments::types as native;
use serde::Serialize;

use crate::contract::types::{Installation, WebhookRequest};
use crate::delivery_causes::Delivery;
use crate::egress::Egress;
use crate::plugin::Plugin;

const SECRET: &str = "whsec_ofTheBenchmark";
/// The calls before the measurement.
const WARM_UP: usize = 100;

/// The results, in nanoseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// A fresh instance for each call: the median.
    pub fresh_instance_p50_ns: u64,
    /// A fresh instance for each call: the 99th percentile.
    pub fresh_instance_p99_ns: u64,
    /// One instance for all calls: the median.
    pub warm_instance_p50_ns: u64,
    /// The built-in plugin's code, compiled natively: the median. None: it is another plugin.
    pub native_p50_ns: Option<u64>,
}

/// Signs a delivery as the built-in plugin's provider does, with a secret of its own.
///
/// # Errors
///
/// The manifest names no signature header.
pub fn signed(plugin: &Plugin, unsigned: Delivery) -> anyhow::Result<Delivery> {
    let Delivery { received_at, mut request, .. } = unsigned;
    let value = fake_provider::signature(SECRET, false, &request.body, received_at);
    let name = plugin.manifest().signature_headers.first();
    let name = name.context("the plugin names no header that carries a signature")?.clone();
    request.headers.push((name, value));
    let installation = Installation::ad_hoc(vec![SECRET.to_owned()]);
    Ok(Delivery { received_at, installation, request })
}

/// Measures a delivery.
///
/// # Errors
///
/// It is not accepted, or a call fails.
pub async fn webhook(
    plugin: &Plugin,
    delivery: &Delivery,
    iterations: usize,
) -> anyhow::Result<Figures> {
    let Delivery { received_at, installation, request } = delivery;
    let received_at = *received_at;
    let first =
        plugin.handle_webhook(Egress::none().into(), received_at, installation, request).await?;
    if let Err(refused) = first {
        bail!("the delivery is refused: {}", refused.problem().message);
    }
    let mut fresh = Vec::with_capacity(iterations);
    for _ in 0..WARM_UP + iterations {
        let start = Instant::now();
        let outcome = plugin
            .handle_webhook(Egress::none().into(), received_at, installation, request)
            .await?;
        fresh.push(start.elapsed());
        drop(outcome);
    }
    let number = WARM_UP + iterations;
    let warm = plugin.time_warm_webhooks(received_at, installation, request, number).await?;
    let native = plugin
        .is_built_in()
        .then(|| sorted(time_native(received_at, installation, request, number)));
    let fresh = sorted(fresh);
    Ok(Figures {
        fresh_instance_p50_ns: percentile(&fresh, 50),
        fresh_instance_p99_ns: percentile(&fresh, 99),
        warm_instance_p50_ns: percentile(&sorted(warm), 50),
        native_p50_ns: native.map(|native| percentile(&native, 50)),
    })
}

fn time_native(
    received_at: u64,
    installation: &Installation,
    request: &WebhookRequest,
    iterations: usize,
) -> Vec<Duration> {
    let installation = native::Installation {
        installation_id: installation.installation_id.clone(),
        workspace: installation.workspace.clone(),
        mode: native::Mode::Test,
        account: None,
        webhook: native::WebhookRegistration {
            endpoint_id: None,
            url: String::new(),
            owner: native::WebhookOwner::Merchant,
            verification: native::Verification::ByPlugin,
            signing_secrets: installation.webhook.signing_secrets.clone(),
            problem: None,
        },
        extras: Vec::new(),
    };
    let request = native::WebhookRequest {
        headers: request.headers.clone(),
        query: request.query.clone(),
        body: request.body.clone(),
    };
    let context = native::Context { now: received_at, time_limit_ms: 1000 };
    (0..iterations)
        .map(|_| {
            let start = Instant::now();
            let outcome = bundled_provider::webhook::handle(context, &installation, &request);
            let time = start.elapsed();
            drop(std::hint::black_box(outcome));
            time
        })
        .collect()
}

fn sorted(times: Vec<Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.into_iter().skip(WARM_UP).collect();
    times.sort_unstable();
    times
}

fn percentile(sorted: &[Duration], percent: usize) -> u64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
