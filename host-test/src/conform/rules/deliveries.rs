//! A delivery reaches the flow, whoever made the webhook.

use std::sync::Arc;

use url::Url;

use super::{fixed, meanings};
use crate::conform::case::{
    Case, Ending, Outcome, Rule, described, expect, expect_contract, failed, not_applicable,
};
use crate::conform::door::{Delivery, PassOn};
use crate::conform::evidence::Evidence;
use crate::conform::fault::{Fault, Which};
use crate::conform::kit::{Kit, MadeBy};
use crate::conform::scenario::Action;
use crate::conform::shop::Shop;
use crate::contract::types::{CredentialRole, Mode};

/// A delivery to exactly the host's URL reaches the flow.
pub const DELIVERY_REACHES_FLOW: Rule = Rule {
    name: "delivery-reaches-flow",
    why: "The customer waits in the chat until the flow knows that they have paid.",
    cases: |_| {
        fixed(vec![
            Case::new("automatic", |kit, evidence| paid(kit, evidence, MadeBy::Plugin)),
            Case::new("by-hand", |kit, evidence| paid(kit, evidence, MadeBy::Hand)),
            Case::new("without-secret", without_secret),
            Case::new("shared-url", shared_url),
            Case::new("declined", declined),
            Case::new("twice", twice),
            Case::new("says-approved", meanings::approved),
            Case::new("says-rejected", meanings::rejected),
        ])
    },
};

/// The reference of the payment.
const ORDER: &str = "order-1";

/// The customer of a new payment does something, and what is delivered of it is accepted. The flow is then judged by
/// what the ledger knows: nothing has asked the provider but for the delivery.
async fn customer(shop: &Shop, url: &str, action: Action) -> Result<Vec<Delivery>, Ending> {
    let view = shop.pay(ORDER).await?;
    // What comes of the creation says nothing about the action.
    let before = shop.world.door.deliveries().len();
    shop.customer(action, &view).await?;
    let new = |deliveries: &[Delivery]| deliveries.get(before..).unwrap_or_default().to_vec();
    let expected = Url::parse(url).ok();
    let expected = expected.as_ref().map(|url| (url.path(), url.query().unwrap_or_default()));
    let mut is_wrong = None;
    let arrived = shop
        .world
        .door
        .wait(|deliveries| {
            let new = new(deliveries);
            let is_right = |of: &Delivery| expected == Some((of.path.as_str(), of.query.as_str()));
            is_wrong = new.iter().find(|of| !is_right(of)).cloned();
            is_wrong.is_some() || new.iter().any(|of| of.outcome == "accepted")
        })
        .await;
    if let Some(Delivery { path, query, .. }) = is_wrong {
        return failed(format!("a delivery came to {path}?{query}, and not to the URL {url}"));
    }
    let deliveries = new(&shop.world.door.deliveries());
    expect(arrived, || match deliveries.last() {
        None => "something happened to the payment, and nothing was delivered of it".to_owned(),
        Some(last) => format!("the delivery was answered with `{}`, not accepted", last.outcome),
    })?;
    Ok(deliveries)
}

async fn paid(kit: Arc<Kit>, evidence: Evidence, made_by: MadeBy) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    let has_to_be_completed = shop.has_to_be_completed().await?;
    customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop, has_to_be_completed).await
}

/// The flow goes on with `Approved`, and only a delivery can have told it.
async fn is_approved(shop: &Shop, has_to_be_completed: bool) -> Outcome {
    if has_to_be_completed {
        completed_by_delivery(shop).await?;
    }
    expect(shop.waits_for(ORDER, "Approved").await?, || {
        "the customer has paid, and no delivery lets the flow go on with Approved".to_owned()
    })
}

/// Completes the payment, and loses the answer: what was done is known from the delivery alone.
async fn completed_by_delivery(shop: &Shop) -> Outcome {
    let (door, interposer) = (&shop.world.door, &shop.world.interposer);
    // A plugin that asks its provider about a delivery must not be cut off as well.
    door.pass_on(PassOn::Nowhere);
    let before = door.deliveries().len();
    interposer.set_fault(Which::FromFirstWrite, Fault::CutAfter);
    let completed = shop.marketplace.complete(ORDER, shop.world.return_query()).await;
    interposer.clear_fault();
    if let Err(error) = completed {
        let problem = error.problem();
        shop.world.evidence.add(&format!("complete → {}", described(&problem)));
        expect_contract(&problem)?;
    }
    let mut number = before;
    // What came of the time before the completion may be late.
    while !shop.outputs(ORDER).await?.iter().any(|output| output == "Approved") {
        expect(door.wait(|deliveries| deliveries.len() > number).await, || {
            "the payment was completed, and no delivery lets the flow go on with Approved"
                .to_owned()
        })?;
        if let Some(delivery) = door.deliveries().get(number) {
            shop.deliver(delivery).await;
        }
        number += 1;
    }
    Ok(())
}

async fn without_secret(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let mut fields = kit.plugin.manifest().credentials.iter();
    if fields.any(|field| field.role == CredentialRole::SigningSecret && field.required) {
        return not_applicable("the signing secret is required");
    }
    paid(kit, evidence, MadeBy::HandWithoutSecret).await
}

async fn shared_url(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let made_by = kit.usual_webhook();
    let provider = kit.plugin.manifest().provider_id.clone();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    let has_to_be_completed = shop.has_to_be_completed().await?;
    let query = format!("provider={provider}");
    shop.world.door.pass_on(PassOn::WithQuery(shop.origin.clone(), query));
    customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop, has_to_be_completed).await
}

async fn declined(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let made_by = kit.usual_webhook();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    customer(&shop, &connection.installation_url, Action::IsDeclined).await?;
    expect(shop.waits_for(ORDER, "Rejected").await?, || {
        "the customer was declined, and the flow does not go on with Rejected".to_owned()
    })
}

/// The same delivery again is known, and changes nothing.
async fn twice(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    kit.scenario.needs_deliveries()?;
    let made_by = kit.usual_webhook();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    let has_to_be_completed = shop.has_to_be_completed().await?;
    let deliveries = customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop, has_to_be_completed).await?;
    let before = shop.outputs(ORDER).await?;
    let accepted = deliveries.into_iter().find(|delivery| delivery.outcome == "accepted");
    let Some(accepted) = accepted else { return failed("no delivery was accepted") };
    let again = shop.deliver(&accepted).await;
    expect(again.as_str() == "duplicate", || {
        format!("the same delivery again is answered with `{}`, not as a duplicate", again.as_str())
    })?;
    let after = shop.outputs(ORDER).await?;
    expect(before == after, || "the same delivery again moves the flow".to_owned())
}
