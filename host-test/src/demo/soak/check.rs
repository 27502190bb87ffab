//! What must be true after the soak.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;

use anyhow::{Context as _, Result};
use fake_provider::FakeStripe;
use ledger::HistoryEntry;
use serde_json::Value;

use super::aftermath::{DISPUTES, MISFITS};
use super::{OPERATIONS, Shared, TEST_KEY, ensure, reference};
use crate::contract::types::Mode;
use crate::egress::client;
use crate::marketplace::Marketplace;

/// What was checked.
#[derive(Default)]
pub struct Checked {
    pub payments: usize,
    pub approved: usize,
    pub paid_late: usize,
    pub refunds: usize,
    pub misfits: usize,
    pub disputes: usize,
}

/// Checks that every acknowledged delivery is in the ledger once, and that the ledger agrees with the fake
/// Stripe.
pub async fn check(
    marketplaces: &[Marketplace],
    leaving: &Marketplace,
    shared: &Shared,
    fake: &FakeStripe,
    payments: usize,
) -> Result<Checked> {
    let (mut recorded, mut checked) = (HashSet::new(), Checked::default());
    let mut references: Vec<String> = (0..payments).map(|n| reference("order", n)).collect();
    for kind in ["cancel", "new", "refund", "late"] {
        references.extend((0..OPERATIONS).map(|number| reference(kind, number)));
    }
    for marketplace in marketplaces {
        let sessions = list(fake, "/v1/checkout/sessions").await?;
        let own: Vec<&Value> = sessions
            .iter()
            .filter(|session| {
                text(session, "/metadata/brain_studio_workspace") == marketplace.workspace()
            })
            .collect();
        for session in &own {
            let id = text(session, "/id");
            check_payment(marketplace, id, &mut recorded, &mut checked).await?;
        }
        for reference in &references {
            let of_reference =
                own.iter().filter(|session| text(session, "/client_reference_id") == reference);
            let payable = of_reference.filter(|session| text(session, "/status") == "open");
            ensure(payable.count() <= 1, format!("{reference} has two pages"))?;
            // It is still known by its reference.
            marketplace.payment_history(reference).await?;
        }
        ensure(checked.paid_late >= OPERATIONS, "late money is not flagged")?;
        check_attention(marketplace, &mut checked).await?;
    }
    check_left(leaving, fake).await?;
    for refund in list(fake, "/v1/refunds").await? {
        let name = text(&refund, "/payment_intent").to_owned();
        ensure(recorded.insert(format!("refund of {name}")), format!("{name} is refunded twice"))?;
        checked.refunds += 1;
    }
    ensure(checked.refunds == OPERATIONS * marketplaces.len(), "a refund is missing")?;
    let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    for event in &progress.acknowledged {
        let is_there = recorded.contains(event);
        ensure(is_there, "a delivery that was answered with 200 is not in the ledger")?;
    }
    Ok(checked)
}

/// Checks that everything that needs a person is in the attention list, and nothing else.
async fn check_attention(marketplace: &Marketplace, checked: &mut Checked) -> Result<()> {
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in marketplace.attention().await? {
        let reference = item.reference.unwrap_or_default();
        let is_new = codes.entry(item.problem.code).or_default().insert(reference);
        ensure(is_new, "an entry is twice in the attention list")?;
    }
    let mut take = |code: &str| codes.remove(code).unwrap_or_default();
    let expected = |kind: &str, number: usize| -> BTreeSet<String> {
        (0..number).map(|number| reference(kind, number)).collect()
    };
    let misfits = take("amount-differs");
    ensure(misfits == expected("misfit", MISFITS), format!("misfits: {misfits:?}"))?;
    let disputes = take("dispute");
    ensure(disputes == expected("disputed", DISPUTES), format!("disputes: {disputes:?}"))?;
    let late: BTreeSet<String> = take("paid-late").into_iter().chain(take("paid-twice")).collect();
    ensure(late == expected("late", OPERATIONS), format!("paid late: {late:?}"))?;
    // The key of one workspace may not list events, which a reconciliation has just been told.
    take("reconciliation-lags");
    ensure(codes.is_empty(), format!("nobody expected {codes:?}"))?;
    checked.misfits += misfits.len();
    checked.disputes += disputes.len();
    Ok(())
}

async fn check_payment(
    marketplace: &Marketplace,
    id: &str,
    recorded: &mut HashSet<String>,
    checked: &mut Checked,
) -> Result<()> {
    let (_, history) = marketplace.payment_history(id).await?;
    let mut approvals = 0;
    for entry in history.entries {
        match entry {
            HistoryEntry::Event { id: event, .. } => {
                ensure(recorded.insert(event), format!("{id}: an event is recorded twice"))?;
            }
            HistoryEntry::Transition { output, .. } => {
                approvals += usize::from(output == "Approved");
            }
            HistoryEntry::Notice { .. } => {}
        }
    }
    let known = history.payment;
    let truth =
        marketplace.payment(id).await?.provider.context("the fake Stripe did not answer")?;
    let is_paid_late = known.status.as_str() == "canceled" && truth.received > 0;
    let fits =
        truth.amount == known.amount.clone().into() && truth.received >= known.amount.minor_units;
    let is_misfit = known.status.as_str() == "pending" && truth.received > 0 && !fits;
    ensure(
        (known.status == truth.status.into() || is_paid_late || is_misfit)
            && !known.needs_refetch
            && !known.needs_closing
            && known.received == truth.received
            && known.refunded.unwrap_or(0) == truth.refunded.unwrap_or(0),
        format!("{id} ({}): the ledger and the fake Stripe differ", known.reference),
    )?;
    let is_paid = known.status.as_str() == "approved";
    ensure(
        approvals == usize::from(is_paid),
        format!("{id}: the flow received Approved {approvals} times"),
    )?;
    checked.payments += 1;
    checked.approved += approvals;
    checked.paid_late += usize::from(is_paid_late);
    Ok(())
}

/// Checks the workspace that was uninstalled: what was paid was approved, and no page is open.
async fn check_left(leaving: &Marketplace, fake: &FakeStripe) -> Result<()> {
    let mut last = BTreeMap::new();
    for transition in leaving.transitions(Some(Mode::Test), 0, 1000).await? {
        if let Some(output) = transition.output() {
            last.insert(transition.reference.clone(), output.to_owned());
        }
    }
    for session in list(fake, "/v1/checkout/sessions").await? {
        if text(&session, "/metadata/brain_studio_workspace") != leaving.workspace() {
            continue;
        }
        let reference = text(&session, "/client_reference_id");
        let is_paid = text(&session, "/payment_status") == "paid";
        let expected = if is_paid { "Approved" } else { "Rejected" };
        ensure(
            text(&session, "/status") != "open"
                && last.get(reference).map(String::as_str) == Some(expected),
            format!("{reference}: the uninstall has left it open"),
        )?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// All objects of a list of the fake Stripe.
async fn list(fake: &FakeStripe, path: &str) -> Result<Vec<Value>> {
    let (client, mut all) = (client()?, Vec::new());
    loop {
        let after = all.last().map(|last| text(last, "/id").to_owned());
        let after = after.map_or_else(String::new, |id| format!("&starting_after={id}"));
        let url = format!("http://{}{path}?limit=100{after}", fake.address());
        let body = client.get(url).bearer_auth(TEST_KEY).send().await?.bytes().await?;
        let page: Value = serde_json::from_slice(&body)?;
        let data = page.get("data").and_then(Value::as_array).context("this is no list")?;
        all.extend(data.iter().cloned());
        if page.get("has_more").and_then(Value::as_bool) != Some(true) {
            return Ok(all);
        }
    }
}
