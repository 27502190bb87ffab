//! A host without a place for a call: what did not begin leaves nothing reserved.

use std::future::pending;

use host_test::fair_places::{NoPlace, Owner};
use host_test::resources::Resources;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::World;

/// Takes all places and the whole queue that an installation may have.
async fn fill(owner: &Owner) -> JoinSet<()> {
    let places = &Resources::shared().places;
    let mut held = JoinSet::new();
    // The first one that finds the queue full.
    while !matches!(places.acquire(owner, Instant::now()).await, Err(NoPlace::QueueFull)) {
        let owner = owner.clone();
        held.spawn(async move {
            let later = Instant::now() + std::time::Duration::from_mins(10);
            let _place = places.acquire(&owner, later).await;
            pending::<()>().await;
        });
        yield_now().await;
    }
    held
}

#[tokio::test]
async fn call_without_a_place_reserves_nothing() {
    let (world, connection) = World::installed("").await;
    let marketplace = &world.marketplace;
    let provider = &marketplace.plugin().manifest().provider_id;
    let owner = Owner::new(provider, &connection.installation);

    let mut held = fill(&owner).await;
    assert_eq!(world.pay("first").await.unwrap_err().problem().code, "host-busy");
    held.shutdown().await;
    // The reference is free.
    let unknown = marketplace.payment_history("first").await.unwrap_err();
    assert_eq!(unknown.problem().code, "payment-unknown");
    world.pay("first").await.unwrap();

    world.pay("paid").await.unwrap();
    marketplace.payment("paid").await.unwrap();
    let reads = || {
        let text = marketplace.telemetry().text();
        let mut lines = text.lines().map(str::to_owned);
        lines.find(|line| line.contains("_count") && line.contains("get_payment"))
    };
    let before = reads();
    // Between reading the payment and sending the refund the ledger is written to.
    let ledger = rusqlite::Connection::open(world.data.path().join("ledger.sqlite")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let fill_then_go_on = async {
        while reads() == before {
            yield_now().await;
        }
        let held = fill(&owner).await;
        ledger.execute_batch("ROLLBACK").unwrap();
        held
    };
    let refund = marketplace.refund("paid", "r", Some(10));
    let (refunded, mut held) = tokio::join!(refund, fill_then_go_on);
    assert_eq!(refunded.unwrap_err().problem().code, "host-busy");
    held.shutdown().await;
    assert!(world.attention().await.is_empty());
    marketplace.refund("paid", "r", Some(11)).await.unwrap();
}
