//! A delivery reaches the flow, whoever made the webhook.

use std::sync::Arc;

use url::Url;

use super::fixed;
use crate::conform::case::{Case, Ending, Outcome, Rule, expect, failed, not_applicable};
use crate::conform::door::{Delivery, PassOn};
use crate::conform::evidence::Evidence;
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
        ])
    },
};

/// The customer of a new payment does something, and what is delivered is accepted.
async fn customer(shop: &Shop, url: &str, action: Action) -> Result<Vec<Delivery>, Ending> {
    let view = shop.pay("order-1").await?;
    shop.customer(action, &view).await?;
    let is_there =
        |deliveries: &Vec<Delivery>| deliveries.iter().any(|of| of.outcome == "accepted");
    let arrived = shop.world.door.wait(is_there).await;
    let deliveries = shop.world.door.deliveries();
    let Some(first) = deliveries.first() else {
        return failed("something happened to the payment, and nothing was delivered");
    };
    let expected = Url::parse(url).ok();
    let expected = expected.as_ref().map(|url| (url.path(), url.query().unwrap_or_default()));
    expect(expected == Some((&first.path, &first.query)), || {
        let (path, query) = (&first.path, &first.query);
        format!("the delivery came to {path}?{query}, and not to the URL {url}")
    })?;
    expect(arrived, || {
        format!("the delivery was answered with `{}`, not accepted", first.outcome)
    })?;
    Ok(deliveries)
}

async fn paid(kit: Arc<Kit>, evidence: Evidence, made_by: MadeBy) -> Outcome {
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop).await
}

/// The flow goes on with `Approved`, after a completion where that is needed.
async fn is_approved(shop: &Shop) -> Outcome {
    shop.complete_if_needed("order-1").await?;
    expect(shop.waits_for("order-1", "Approved").await?, || {
        "the customer has paid, and the flow does not go on with Approved".to_owned()
    })
}

async fn without_secret(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let mut fields = kit.plugin.manifest().credentials.iter();
    if fields.any(|field| field.role == CredentialRole::SigningSecret && field.required) {
        return not_applicable("the signing secret is required");
    }
    paid(kit, evidence, MadeBy::HandWithoutSecret).await
}

async fn shared_url(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let made_by = kit.usual_webhook();
    let provider = kit.plugin.manifest().provider_id.clone();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    let query = format!("provider={provider}");
    shop.world.door.pass_on(PassOn::WithQuery(shop.origin.clone(), query));
    customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop).await
}

async fn declined(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let made_by = kit.usual_webhook();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    customer(&shop, &connection.installation_url, Action::IsDeclined).await?;
    expect(shop.waits_for("order-1", "Rejected").await?, || {
        "the customer was declined, and the flow does not go on with Rejected".to_owned()
    })
}

/// The same delivery again is known, and changes nothing.
async fn twice(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let made_by = kit.usual_webhook();
    let shop = Shop::open(kit, evidence, Mode::Test, made_by).await?;
    let (connection, _) = shop.install().await?;
    let deliveries = customer(&shop, &connection.installation_url, Action::Pays).await?;
    is_approved(&shop).await?;
    let before = shop.outputs("order-1").await?;
    let accepted = deliveries.into_iter().find(|delivery| delivery.outcome == "accepted");
    let Some(accepted) = accepted else { return failed("no delivery was accepted") };
    let again = shop.deliver(&accepted).await;
    expect(again.as_str() == "duplicate", || {
        format!("the same delivery again is answered with `{}`, not as a duplicate", again.as_str())
    })?;
    let after = shop.outputs("order-1").await?;
    expect(before == after, || "the same delivery again moves the flow".to_owned())
}
