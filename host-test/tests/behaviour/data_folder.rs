//! A data folder that an earlier version has written is used without loss.

use host_test::contract::types::Mode;

use super::host::{Host, TEST_KEY, private_folder};

/// What version 5 of the ledger's schema had stored: see the fixtures' README.
const LEDGER: &str = include_str!("../fixtures/data-folder-5/ledger.sql");
const VAULT_KEY: &str = include_str!("../fixtures/data-folder-5/vault.key");

#[tokio::test]
async fn data_folder_of_version_5_is_used_without_loss() {
    let host = Host::start().await;
    let data = private_folder();
    let ledger = rusqlite::Connection::open(data.path().join("ledger.sqlite")).unwrap();
    // The dump has the tables in the order of their names.
    ledger.pragma_update(None, "foreign_keys", false).unwrap();
    ledger.execute_batch(LEDGER).unwrap();
    ledger.pragma_update(None, "user_version", 5).unwrap();
    drop(ledger);
    let key = data.path().join("vault.key");
    std::fs::write(&key, VAULT_KEY).unwrap();
    let marketplace = host.open(data.path(), "default").await;

    let (mode, payments) = marketplace.payments(None, 10).await.unwrap();
    let states: Vec<_> = payments
        .iter()
        .map(|payment| (payment.reference.as_str(), payment.status.as_str(), payment.refunded))
        .collect();
    assert_eq!(mode, Mode::Test);
    assert_eq!(states, [("order-2", "rejected", Some(0)), ("order-1", "approved", Some(500))]);
    let unread = marketplace.unread_transitions(None, "flow", 10).await.unwrap();
    assert_eq!(unread.iter().map(|one| one.position).collect::<Vec<_>>(), [4, 5]);
    // The sealed record and the sealed key are read, and stored again.
    let (connection, _) = marketplace.status().await.unwrap();
    assert_eq!(connection.installation, "d49d2472821045baabbdc3f1351e3d74");
    let rotated = marketplace.install(super::host::options(TEST_KEY)).await.unwrap();
    assert!(rotated.is_rotation && rotated.installation == connection.installation);
    let left = marketplace.uninstall(true).await.unwrap();
    assert_eq!(left.mode, Some(Mode::Test));
    // The other workspace's history of the other mode.
    let other = host.open(data.path(), "other").await;
    assert!(other.transitions(Some(Mode::Test), 0, 10).await.unwrap().is_empty());
}
