//! An installation belongs to its component.

use host_test::contract::types::{Mode, WebhookRequest};
use host_test::marketplace::{
    DeliveryOutcome, DeliveryTarget, Error, InstallOptions, Marketplace, TakeOver,
};
use host_test::sender::Sender;

use super::{World, open, open_at, options};
use crate::host::{Host, TEST_KEY, request};
use host_test::clock::Clock;

/// The code of a delivery that is not processed.
async fn deliver(marketplace: &Marketplace, query: &str) -> String {
    let delivery =
        WebhookRequest { headers: Vec::new(), query: query.to_owned(), body: b"honest.1".to_vec() };
    match marketplace.deliver(1, &DeliveryTarget::parse(query), Sender::default(), delivery).await {
        DeliveryOutcome::RetryLater(reason) => reason.code,
        outcome => outcome.as_str().to_owned(),
    }
}

/// The codes of every use case that would call the plugin for an installation.
async fn uses(marketplace: &Marketplace) -> Vec<String> {
    fn code<T>(result: Result<T, Error>) -> String {
        result.map_or_else(|error| error.problem().code, |_| "done".to_owned())
    }
    let reconciled = marketplace.reconcile(|_| ()).await.unwrap();
    vec![
        code(marketplace.status().await),
        code(marketplace.repair().await),
        code(marketplace.pay(request("order-1", 1000)).await),
        code(marketplace.payment("order-1").await),
        code(marketplace.install(options(false)).await),
        code(marketplace.uninstall(false).await),
        reconciled.failures[0].problem.code.clone(),
    ]
}

#[tokio::test]
async fn another_component_is_not_given_the_key() {
    let host = Host::start().await;
    let connection = host.install(TEST_KEY).await.unwrap();
    let query = connection.installation_url.split_once('?').unwrap().1;
    // It claims the provider's id, and calls no origin.
    let evil = open(host.data.path(), "default", "id=STRIPE").await;
    let refused = ["component-differs"; 7];
    assert_eq!(uses(&evil).await, refused);
    // A delivery is not shown to it at all.
    assert_eq!(deliver(&evil, query).await, "component-not-approved");
    // Approved for another workspace, where it is installed.
    let elsewhere = open(host.data.path(), "other", "id=STRIPE").await;
    elsewhere.install(options(true)).await.unwrap();
    assert_eq!(uses(&evil).await, refused);
    for other in [&evil, &elsewhere] {
        assert_eq!(deliver(other, query).await, "component-differs");
    }
    // The genuine one goes on, also after all of this.
    host.ask("order-2").await;
    host.marketplace.repair().await.unwrap();
}

#[tokio::test]
async fn approved_component_takes_over_and_the_earlier_one_is_out() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let next = open(host.data.path(), "default", "id=STRIPE").await;
    let review = next.review(TakeOver::All).await.unwrap();
    assert!(!review.is_approved);
    assert_eq!(review.takes_over, ["1 installation (test) of the built-in component"]);
    let added = [
        "to be given the value of hook-secret",
        "to send customers to https://pay.hostile.example",
    ];
    assert_eq!(review.added, added);
    assert!(review.removed.contains(&"to call https://api.stripe.com with api-key".to_owned()));
    assert!(review.imports.is_empty() || review.imports[0].ends_with("http@0.3.0#send"));
    assert_eq!(next.approve(TakeOver::All, &[]).await.unwrap(), 1);
    assert!(next.review(TakeOver::All).await.unwrap().is_approved);
    // Its own rules are asked for its own credential now.
    assert_eq!(next.repair().await.unwrap_err().problem().code, "key-missing");
    let refused = host.marketplace.repair().await.unwrap_err();
    assert_eq!(refused.problem().code, "component-differs");
}

#[tokio::test]
async fn unusual_port_is_named_by_the_operator() {
    // What the component asks for, the ports that the operator names, and whether that is enough.
    for (script, named, missing) in [
        ("", [].as_slice(), ""),
        ("", &[8443], ""),
        ("origin=https://api.hostile.example:8443", &[], "8443"),
        ("origin=https://api.hostile.example:8443", &[443, 8444], "8443"),
        ("origin=https://api.hostile.example:8443", &[8443], ""),
        ("page=https://pay.hostile.example:22", &[], "22"),
        ("origin=https://api.hostile.example:8443\npage=https://x.example:22", &[22], "8443"),
        ("origin=https://api.hostile.example:8443\npage=https://x.example:22", &[], "22, 8443"),
        ("origin=https://api.hostile.example:8443\npage=https://x.example:22", &[22, 8443], ""),
    ] {
        let world = World::start(script).await;
        let approved = world.marketplace.approve(TakeOver::All, named).await;
        let is_approved = world.marketplace.review(TakeOver::All).await.unwrap().is_approved;
        assert_eq!(is_approved, missing.is_empty(), "{script} {named:?}");
        let said = approved.map_or_else(|error| error.problem().message, |_| String::new());
        let expected = format!("The component uses other ports than 443: {missing}. ");
        assert!(missing.is_empty() && said.is_empty() || said.starts_with(&expected), "{said}");
        // `install` names none, so it approves none.
        let world = World::start(script).await;
        let has_none = !script.contains(".example:");
        let installed = world.marketplace.install(options(true)).await;
        let code = installed.map_or_else(|error| error.problem().code, |_| String::new());
        assert_eq!(code, if has_none { "" } else { "ports-not-approved" }, "{script}");
    }
}

#[tokio::test]
async fn built_in_component_moves_on_with_its_installations() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let ledger = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    ledger.execute("UPDATE installations SET component = 'of-an-earlier-version'", []).unwrap();
    // A host that runs already trusts what was built in, too.
    host.ask("order-1").await;
    let upgraded = host.open(host.data.path(), "default").await;
    let component: String =
        ledger.query_row("SELECT component FROM installations", [], |row| row.get(0)).unwrap();
    assert_eq!(component, upgraded.plugin().sha256());
    upgraded.pay(request("order-2", 1050)).await.unwrap();
}

#[tokio::test]
async fn installation_that_is_not_served_is_seen() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.ask("order-1").await;
    let evil = open(host.data.path(), "default", "id=STRIPE").await;
    let reconciled = evil.reconcile(|_| ()).await.unwrap();
    assert_eq!(reconciled.failures[0].problem.code, "component-differs");
    let codes = async || {
        let items = host.marketplace.attention().await.unwrap();
        items.into_iter().map(|item| item.problem.code).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["reconciliation-lags"]);
    // Its own component settles it.
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert!(codes().await.is_empty());
}

/// How many installations have secrets.
fn sealed(world: &World) -> u32 {
    let ledger = rusqlite::Connection::open(world.data.path().join("ledger.sqlite")).unwrap();
    let count = "SELECT count(*) FROM installations
         WHERE sealed_credentials IS NOT NULL OR sealed_installation IS NOT NULL";
    ledger.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn wrong_component_ends_no_open_live_payment() {
    let world = World::start("").await;
    let live = InstallOptions { mode: Some(Mode::Live), ..options(true) };
    world.marketplace.install(live).await.unwrap();
    world.pay("honest").await.unwrap();
    let other = open(world.data.path(), "default", "name=Other").await;
    let left = other.uninstall(true).await.unwrap();
    // Its own component can still watch the page, and its webhook is named.
    assert_eq!((left.open.len(), left.draining_until.is_some()), (1, true));
    assert!(left.left.unwrap().url.unwrap().contains("installation="));
    assert!(matches!(other.uninstall(true).await, Err(Error::NotInstalled)));
    other.reconcile(|_| ()).await.unwrap();
    assert_eq!(sealed(&world), 1);
    // Where that one never comes back, its time ends it.
    let later = Clock::simulated(crate::host::now() + 31 * 86_400);
    let other = open_at(world.data.path(), "default", "name=Other", later).await;
    other.reconcile(|_| ()).await.unwrap();
    assert_eq!(sealed(&world), 0);
}

#[tokio::test]
async fn forced_uninstall_needs_no_component() {
    let (world, _) = World::installed("").await;
    world.pay("honest").await.unwrap();
    let other = open(world.data.path(), "default", "name=Other").await;
    let refused = other.uninstall(false).await.unwrap_err();
    assert_eq!(refused.problem().code, "component-differs");
    // In test mode nothing is open any more, and the keys are destroyed without a call.
    other.uninstall(true).await.unwrap();
    assert!(matches!(world.pay("next").await, Err(Error::NotInstalled)));
}
