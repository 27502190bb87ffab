//! Refused deliveries are counted, and written seldom: anyone who knows a URL can send them.

use host_test::server::DoorLimits;
use rusqlite::Connection;

use super::{paid, post};
use fake_provider::UnsentDelivery;

#[tokio::test]
async fn refused_deliveries_are_written_once_and_all_counted() {
    let (host, delivery) = paid(DoorLimits::default()).await;
    let ledger = Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    let refused = || -> u32 {
        let sql = "SELECT max(refused_in_a_row) FROM last_deliveries";
        ledger.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let changes =
        || -> u32 { ledger.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap() };
    let forged = UnsentDelivery { signature: "t=1,v1=00".to_owned(), ..delivery.clone() };
    assert_eq!(post(&host, &forged).await.0, 400);
    assert_eq!(refused(), 1);
    // What comes in the same second is not written one by one.
    let (before, begun) = (changes(), std::time::Instant::now());
    for _ in 0..30 {
        assert_eq!(post(&host, &forged).await.0, 400);
    }
    if begun.elapsed().as_secs() == 0 {
        assert_eq!(changes(), before);
    }
    // It is not lost: it is written with a later one, at the latest.
    while refused() < 31 {
        assert_eq!(post(&host, &forged).await.0, 400);
        assert!(begun.elapsed().as_secs() < 30, "{}", refused());
    }
    let attention = host.marketplace.attention().await.unwrap();
    assert_eq!(attention[0].problem.code, "deliveries-refused");
    // A genuine one ends it, with all that was not written yet.
    assert_eq!(post(&host, &forged).await.0, 400);
    assert_eq!(post(&host, &delivery).await.0, 200);
    host.marketplace.status().await.unwrap();
    assert_eq!(refused(), 0);
    assert!(host.marketplace.attention().await.unwrap().is_empty());
}
