//! What the senders do not bring: payments whose deliveries are lost, money that does not fit, and disputes. After
//! the kills the background finds them, with a clock that is moved on, at a provider that fails one time in ten
//! and does not answer for one payment at all.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fake_provider::{FakeStripe, Fault, FaultKind};

use super::{WORKSPACES, act, ask, ensure, open_with, reference};
use crate::clock::{Clock, now};
use crate::marketplace::Marketplace;
use ledger::types::PaymentStatus;

/// How many payments in each workspace nobody delivers.
const SILENT: usize = 20;
/// How many payments in each workspace get other money than was asked for: less, or another currency.
pub const MISFITS: usize = 4;
/// How many payments in each workspace are disputed.
pub const DISPUTES: usize = 2;
/// The time between two looks of the background, and how many there are at most: a day.
const STEP: Duration = Duration::from_mins(1);
const STEPS: u32 = 24 * 60;

/// Whether a delivery is about a payment whose deliveries are lost.
pub fn is_lost(body: &str) -> bool {
    body.contains("silent-")
}

/// Creates the payments of a workspace, and acts as their customers.
pub async fn prepare(marketplace: &Marketplace) -> Result<()> {
    for number in 0..SILENT {
        let page = ask(marketplace, reference("silent", number)).await?;
        act(&page, "card=4242424242424242").await?;
    }
    for number in 0..MISFITS {
        let page = ask(marketplace, reference("misfit", number)).await?;
        act(&page, if number % 2 == 0 { "card=short" } else { "card=euro" }).await?;
    }
    for number in 0..DISPUTES {
        let page = ask(marketplace, reference("disputed", number)).await?;
        act(&page, "card=4000000000000259").await?;
    }
    Ok(())
}

/// Lets the background find everything but one payment, for which the provider does not answer. Returns the
/// longest that another payment has waited.
pub async fn settle(fake: &FakeStripe, data: &Path, provider: &str) -> Result<Duration> {
    let clock = Clock::simulated(now());
    let mut marketplaces = Vec::new();
    for workspace in WORKSPACES {
        marketplaces.push(open_with(data, provider, workspace, clock.clone()).await?);
    }
    let [_, without_events] = marketplaces.as_slice() else { anyhow::bail!("two workspaces") };
    let failing = without_events.payment_history(&reference("silent", 0)).await?.1.payment;
    let id = failing.remote_id.context("it has no id")?;
    let requests = format!("GET /v1/checkout/sessions/{id}");
    let kind = FaultKind::Failing;
    fake.set_fault(Some(Fault { kind, requests, skip: 0, has_effect: false }));
    let mut waited = Duration::ZERO;
    for _ in 0..STEPS {
        // Any of them serves every workspace.
        without_events.reconcile_once().await;
        if all_are_known(&marketplaces).await? {
            break;
        }
        clock.advance(STEP);
        waited += STEP;
    }
    ensure(all_are_known(&marketplaces).await?, "a healthy payment was not found in a day")?;
    let still = without_events.payment_history(&reference("silent", 0)).await?.1.payment;
    ensure(still.status == PaymentStatus::Pending, "the failing payment was guessed")?;
    fake.set_fault(None);
    Ok(waited)
}

async fn all_are_known(marketplaces: &[Marketplace]) -> Result<bool> {
    for (workspace, marketplace) in marketplaces.iter().enumerate() {
        // The one that fails is of the second workspace.
        for number in usize::from(workspace == 1)..SILENT {
            let payment =
                marketplace.payment_history(&reference("silent", number)).await?.1.payment;
            if payment.status != PaymentStatus::Approved {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
