//! The vault's key: lost, rotated, and rotated by halves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fake_provider::{FaultKind, UnsentDelivery};
use host_test::marketplace::Marketplace;
use tempfile::TempDir;

use super::command_line::{host_test, problem, run, serving};
use super::host::{Host, LIVE_KEY, PAYS, TEST_KEY, options, private_folder};

fn key_of(data: &Path) -> String {
    fs::read_to_string(data.join("vault.key")).unwrap()
}

fn code<T>(result: Result<T, host_test::marketplace::Error>) -> String {
    result.err().unwrap().problem().code
}

/// A copy of a data folder. The ledger's newest pages are in the file beside it.
fn copy_of(data: &Path) -> TempDir {
    let copy = private_folder();
    for entry in fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_str().unwrap().ends_with("-shm") {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn lost_vault_key_is_no_silent_reset() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let (data, key) = (host.data.path(), host.data.path().join("vault.key"));
    let saved = key_of(data);
    fs::remove_file(&key).unwrap();

    let marketplace = host.open(data, "default").await;
    let problem = marketplace.status().await.unwrap_err().problem();
    assert_eq!(problem.code, "vault-locked");
    assert!(problem.message.contains("vault.key is missing"), "{problem:?}");
    assert!(problem.remedy[0].contains("backup"), "{problem:?}");
    assert!(problem.remedy[1].contains("uninstall --force"), "{problem:?}");
    assert_eq!(code(marketplace.install(options(TEST_KEY)).await), "vault-locked");
    assert_eq!(code(marketplace.rotate_vault_key().await), "vault-locked");
    // Another workspace must not make a key that opens nothing of the first.
    let other = host.open(data, "other").await;
    assert_eq!(code(other.install(options(TEST_KEY)).await), "vault-locked");
    assert!(!key.exists());
    // What needs no secret works.
    marketplace.transitions(None, 0, 10).await.unwrap();

    // Restored: nothing has to be started again.
    fs::write(&key, saved).unwrap();
    marketplace.status().await.unwrap();
    other.install(options(TEST_KEY)).await.unwrap();
}

#[tokio::test]
async fn another_key_seals_nothing() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    fs::write(host.data.path().join("vault.key"), "0".repeat(64)).unwrap();
    let other = host.open(host.data.path(), "other").await;
    assert_eq!(code(other.install(options(TEST_KEY)).await), "vault-locked");
    assert_eq!(code(other.rotate_vault_key().await), "vault-locked");
    assert_eq!(key_of(host.data.path()), "0".repeat(64));
    assert!(!host.data.path().join("vault.key.new").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uninstall_works_without_the_key() {
    let host = Host::start().await;
    let data = host.data.path();
    host.install(TEST_KEY).await.unwrap();
    // Another workspace, which waits for a voucher.
    let other = host.open(data, "other").await;
    other.install(options(LIVE_KEY)).await.unwrap();
    let view = other.pay(super::host::request("order-1", 1050)).await.unwrap();
    host.pay(&view.stored.checkout_url.unwrap(), "voucher").await;
    assert!(other.uninstall(true).await.unwrap().draining_until.is_some());
    let lost = key_of(data);
    fs::write(data.join("vault.key"), "no key at all").unwrap();

    let uninstall = async |workspace: &str, force: &[&str]| {
        let mut command = host_test(data, &["uninstall", "--json", "--workspace", workspace]);
        let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
        command.args(["--provider-origin", &origin]).args(force);
        run(command).await
    };
    let refused = uninstall("default", &[]).await;
    assert_eq!(problem(&refused)["code"], "vault-locked");
    fs::remove_file(data.join("vault.key")).unwrap();
    let refused = uninstall("default", &[]).await;
    assert_eq!(problem(&refused)["code"], "vault-locked");
    assert_eq!(uninstall("default", &["--force"]).await.status.code(), Some(0));
    // Something is still sealed.
    let marketplace = host.open(data, "default").await;
    assert_eq!(code(marketplace.install(options(TEST_KEY)).await), "vault-locked");
    assert_eq!(uninstall("other", &["--force"]).await.status.code(), Some(0));
    assert_eq!(problem(&uninstall("other", &["--force"]).await)["code"], "not-installed");

    marketplace.install(options(TEST_KEY)).await.unwrap();
    marketplace.status().await.unwrap();
    assert_ne!(key_of(data), lost);
}

#[tokio::test]
async fn rotation_seals_everything_anew() {
    let host = Host::start().await;
    let data = host.data.path();
    host.install(TEST_KEY).await.unwrap();
    let other = host.open(data, "other").await;
    other.install(options(LIVE_KEY)).await.unwrap();
    let view = other.pay(super::host::request("order-1", 1050)).await.unwrap();
    host.pay(&view.stored.checkout_url.unwrap(), "voucher").await;
    assert!(other.uninstall(true).await.unwrap().draining_until.is_some());
    let old = key_of(data);
    let before = copy_of(data);

    let rotated = host.marketplace.rotate_vault_key().await.unwrap();
    assert_eq!((rotated.installations, rotated.is_in_environment), (2, false));
    assert_ne!(key_of(data), old);
    for marketplace in [host.open(data, "default").await, host.open(data, "other").await] {
        // Both halves of each installation open.
        let summary = marketplace.reconcile(|_| ()).await.unwrap();
        assert_eq!(summary.failures.len(), 0, "{summary:?}");
    }
    host.marketplace.repair().await.unwrap();
    // The old key opens nothing any more, and no byte of an old value is left.
    fs::write(data.join("vault.key"), &old).unwrap();
    assert_eq!(code(host.open(data, "default").await.status().await), "vault-locked");
    let connection = rusqlite::Connection::open(before.path().join("ledger.sqlite")).unwrap();
    let sealed: Vec<u8> = connection
        .query_row("SELECT sealed_credentials FROM installations", [], |row| row.get(0))
        .unwrap();
    for file in ["ledger.sqlite", "ledger.sqlite-wal"] {
        let bytes = fs::read(data.join(file)).unwrap();
        assert!(!bytes.windows(sealed.len()).any(|window| window == sealed), "{file}");
    }
}

/// A folder after a rotation that was cut off, a marketplace that was open meanwhile, and the key that has to stay.
async fn is_whole(host: &Host, step: &str, data: &Path, running: Option<&Marketplace>, key: &str) {
    if let Some(running) = running {
        running.status().await.unwrap_or_else(|error| panic!("{step}: {error:?}"));
    }
    let marketplace = host.open(data, "default").await;
    marketplace.status().await.unwrap_or_else(|error| panic!("{step}: {error:?}"));
    assert!(!data.join("vault.key.new").exists(), "{step}");
    assert_eq!(key_of(data), key, "{step}");
    marketplace.repair().await.unwrap();
    marketplace.rotate_vault_key().await.unwrap();
    if let Some(running) = running {
        running.status().await.unwrap_or_else(|error| panic!("{step}: {error:?}"));
    }
    host.open(data, "default").await.status().await.unwrap();
}

#[tokio::test]
async fn rotation_survives_a_crash_at_each_step() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let before = copy_of(host.data.path());
    host.marketplace.rotate_vault_key().await.unwrap();
    let after = copy_of(host.data.path());
    let (old, new) = (key_of(before.path()), key_of(after.path()));

    let with_new = |data: &Path, key: &str| fs::write(data.join("vault.key.new"), key).unwrap();
    for (step, length) in [("created", 0), ("half written", 31), ("written", 64)] {
        let data = copy_of(before.path());
        let running = host.open(data.path(), "default").await;
        with_new(data.path(), &new[..length]);
        is_whole(&host, step, data.path(), Some(&running), &old).await;
    }
    // A marketplace that has read the old key finds what was sealed with the new one.
    for (step, has_read) in [("sealed", false), ("sealed meanwhile", true)] {
        let data = copy_of(if has_read { before.path() } else { after.path() });
        let running = if has_read {
            let running = host.open(data.path(), "default").await;
            running.status().await.unwrap();
            let bytes = fs::read(after.path().join("ledger.sqlite")).unwrap();
            let source = tempfile::NamedTempFile::new().unwrap();
            fs::write(source.path(), bytes).unwrap();
            replace_sealed(data.path(), source.path());
            Some(running)
        } else {
            fs::write(data.path().join("vault.key"), &old).unwrap();
            None
        };
        with_new(data.path(), &new);
        is_whole(&host, step, data.path(), running.as_ref(), &new).await;
    }
    let data = copy_of(after.path());
    fs::remove_file(data.path().join("vault.key")).unwrap();
    with_new(data.path(), &new);
    is_whole(&host, "the old key is gone", data.path(), None, &new).await;
    is_whole(&host, "renamed", copy_of(after.path()).path(), None, &new).await;

    // Neither opens anything: both are kept, for a person to look at.
    let data = copy_of(before.path());
    fs::write(data.path().join("vault.key"), "0".repeat(64)).unwrap();
    with_new(data.path(), &new);
    let marketplace = host.open(data.path(), "default").await;
    assert_eq!(code(marketplace.status().await), "vault-locked");
    assert!(data.path().join("vault.key.new").exists());
}

/// Copies the sealed values of one ledger into another, as a rotation stores them.
fn replace_sealed(data: &Path, source: &Path) {
    let ledger = rusqlite::Connection::open(data.join("ledger.sqlite")).unwrap();
    ledger.execute("ATTACH ?1 AS source", [source.to_str().unwrap()]).unwrap();
    ledger
        .execute_batch(
            "UPDATE installations SET
                 sealed_credentials = (SELECT s.sealed_credentials FROM source.installations AS s
                                       WHERE s.id = installations.id),
                 sealed_installation = (SELECT s.sealed_installation FROM source.installations AS s
                                        WHERE s.id = installations.id)",
        )
        .unwrap();
}

/// Starts the real command, and kills it at a time after its new key has appeared. True: it was cut off.
fn rotation_is_killed(data: &Path, pause: Duration) -> bool {
    let mut command = host_test(data, &["vault", "rotate"]);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (new, before) = (data.join("vault.key.new"), key_of(data));
    let begun = Instant::now();
    while !new.exists() && key_of(data) == before && process.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(2), "no rotation began");
    }
    std::thread::sleep(pause);
    // It is SIGKILL: nothing of the process runs any more.
    let _ = process.kill();
    !process.wait().unwrap().success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_rotation_loses_nothing() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    host.open(host.data.path(), "other").await.install(options(LIVE_KEY)).await.unwrap();
    let mut killed = 0;
    for microseconds in [0, 0, 300, 1000, 2000, 4000, 8000] {
        let data = host.data.path().to_owned();
        let pause = Duration::from_micros(microseconds);
        let cut = tokio::task::spawn_blocking(move || rotation_is_killed(&data, pause));
        killed += u32::from(cut.await.unwrap());
        // The one that was open meanwhile, and two new ones.
        host.marketplace.status().await.unwrap();
        for workspace in ["default", "other"] {
            let marketplace = host.open(host.data.path(), workspace).await;
            marketplace.status().await.unwrap();
            marketplace.repair().await.unwrap();
        }
        assert!(!host.data.path().join("vault.key.new").exists());
    }
    assert!(killed > 0, "no rotation was cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_goes_on_after_a_rotation() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let (_process, url) = serving(&host, Stdio::null()).await;
    assert_eq!(post(&host, &url, &delivery).await, 200);
    for _ in 0..2 {
        let rotated = run(host_test(host.data.path(), &["vault", "rotate", "--json"])).await;
        assert_eq!(rotated.status.code(), Some(0), "{}", String::from_utf8_lossy(&rotated.stderr));
        assert_eq!(post(&host, &url, &delivery).await, 200);
    }
    host.marketplace.status().await.unwrap();
}

async fn post(host: &Host, url: &str, delivery: &UnsentDelivery) -> u16 {
    let (_, path) = delivery.url.split_once("/link-webhook").unwrap();
    let post = host.client.post(format!("{url}/link-webhook{path}"));
    let post = post.header("stripe-signature", &delivery.signature).body(delivery.body.clone());
    post.send().await.unwrap().status().as_u16()
}

/// An install has sealed its secrets with the old key and stores the result later: the rotation waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_waits_for_an_install() {
    let host = Host::start().await;
    host.fake.set_fault(Some(FaultKind::Silent.into()));
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let mut install = tokio::process::Command::from(host_test(host.data.path(), &["install"]));
    install.args(["--provider-origin", &origin]).env("STRIPE_API_KEY", TEST_KEY);
    let mut install = install.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    host.fake.fault_met().await;

    let marketplace = std::sync::Arc::clone(&host.marketplace);
    let rotation = tokio::spawn(async move { marketplace.rotate_vault_key().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!rotation.is_finished());
    install.kill().await.unwrap();
    assert_eq!(rotation.await.unwrap().unwrap().installations, 1);
    // The interrupted install is finished with what it had sealed.
    host.fake.set_fault(None);
    host.marketplace.status().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_in_the_environment_is_rotated() {
    let host = Host::start().await;
    let data = tempfile::tempdir().unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let command = |arguments: &[&str], key: &str| -> Command {
        let mut command = host_test(data.path(), arguments);
        command.args(["--json", "--provider-origin", &origin]).env("HOST_TEST_VAULT_KEY", key);
        command.env_remove("HOST_TEST_NEW_VAULT_KEY").env("STRIPE_API_KEY", TEST_KEY);
        command
    };
    let (old, new) = ("0a".repeat(32), "0B".repeat(32));
    assert_eq!(run(command(&["install"], &old)).await.status.code(), Some(0));
    for (given, says) in
        [(None, "does not hold"), (Some("x"), "is not a key"), (Some(&*old), "in use")]
    {
        let mut rotate = command(&["vault", "rotate"], &old);
        rotate.envs(given.map(|given| ("HOST_TEST_NEW_VAULT_KEY", given)));
        let refused = run(rotate).await;
        assert_eq!(refused.status.code(), Some(2));
        let problem = problem(&refused);
        assert_eq!(problem["code"], "vault-new-key");
        assert!(problem["message"].as_str().unwrap().contains(says), "{problem}");
    }
    // A new key for a key that is in the folder would be ignored: another one is made there.
    let mut only_new = command(&["vault", "rotate"], &old);
    only_new.env_remove("HOST_TEST_VAULT_KEY").env("HOST_TEST_NEW_VAULT_KEY", &new);
    let refused = run(only_new).await;
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(problem(&refused)["code"], "vault-new-key");
    // A person may run it twice: the second time the values have the new key already.
    for _ in 0..2 {
        let mut rotate = command(&["vault", "rotate"], &old);
        let rotated = run({
            rotate.env("HOST_TEST_NEW_VAULT_KEY", &new);
            rotate
        })
        .await;
        assert_eq!(rotated.status.code(), Some(0), "{}", String::from_utf8_lossy(&rotated.stderr));
        let rotated: serde_json::Value = serde_json::from_slice(&rotated.stdout).unwrap();
        assert_eq!(rotated["installations"], 1);
    }
    let locked = run(command(&["status"], &old)).await;
    assert_eq!(problem(&locked)["code"], "vault-locked");
    assert_eq!(run(command(&["status"], &new)).await.status.code(), Some(0));
    assert!(!data.path().join("vault.key").exists());
    assert!(!data.path().join("vault.key.new").exists());
}
