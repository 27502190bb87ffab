//! Who may read the data folder: nobody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use host_test::marketplace::Error;

use super::command_line::{host_test, run};
use super::host::{Host, TEST_KEY, options};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn new_files_are_private() {
    let host = Host::start().await;
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("new");
    let marketplace = host.try_open(&data).await.unwrap();
    marketplace.install(options(TEST_KEY)).await.unwrap();
    assert_eq!(mode(&data), 0o700);
    let mut names: Vec<_> = fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal", "vault.key", "vault.lock"]
    );
    for name in names {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn folder_that_others_can_read_is_refused() {
    let host = Host::start().await;
    for loose in [0o755, 0o750, 0o710, 0o701, 0o702] {
        let data = tempfile::tempdir().unwrap();
        drop(host.try_open(data.path()).await.unwrap());
        set_mode(data.path(), loose);
        let error = host.try_open(data.path()).await.err().unwrap();
        let problem = error.problem();
        assert_eq!(problem.code, "data-folder-open", "{loose:o}");
        let chmod = format!("chmod 700 {}", data.path().display());
        assert!(problem.remedy[0].contains(&chmod), "{problem:?}");
        assert!(problem.remedy[1].contains("vault rotate"), "{problem:?}");
        // Nothing was changed.
        assert_eq!(mode(data.path()), loose);
        set_mode(data.path(), 0o700);
        host.try_open(data.path()).await.unwrap();
    }
}

#[tokio::test]
async fn empty_folder_is_tightened() {
    let host = Host::start().await;
    let data = tempfile::tempdir().unwrap();
    set_mode(data.path(), 0o755);
    host.try_open(data.path()).await.unwrap();
    assert_eq!(mode(data.path()), 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loose_file_in_a_private_folder_is_tightened_and_told() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let files = ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "vault.key"];
    for file in files {
        set_mode(&host.data.path().join(file), 0o644);
    }
    let output = run(host_test(host.data.path(), &["transitions", "--log", "json"])).await;
    let log = String::from_utf8(output.stderr).unwrap();
    for file in files {
        assert_eq!(mode(&host.data.path().join(file)), 0o600, "{file}");
        let path = format!("\"file\":\"{}\"", host.data.path().join(file).display());
        let told = log.lines().filter(|line| line.contains("WARN") && line.contains(&path));
        assert_eq!(told.count(), 1, "{file}: {log}");
    }
    let again = run(host_test(host.data.path(), &["transitions", "--log", "json"])).await;
    assert!(!String::from_utf8(again.stderr).unwrap().contains("WARN"));
}

#[tokio::test]
async fn link_in_the_place_of_a_file_is_refused() {
    let host = Host::start().await;
    for file in ["ledger.sqlite", "vault.key"] {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(host.try_open(data.path()).await.unwrap());
        let (path, moved) = (data.path().join(file), other.path().join(file));
        fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        set_mode(&moved, 0o644);
        let error = host.try_open(data.path()).await.err().unwrap();
        assert!(matches!(error, Error::DataFolder(_)), "{error:?}");
        assert_eq!(error.problem().code, "data-folder-foreign");
        // What it points to is left alone.
        assert_eq!(mode(&moved), 0o644);
    }
}

#[tokio::test]
async fn file_of_another_user_is_refused() {
    let host = Host::start().await;
    for file in ["ledger.sqlite", "vault.key", ""] {
        let data = tempfile::tempdir().unwrap();
        drop(host.try_open(data.path()).await.unwrap());
        // Only the superuser may give a file away.
        if std::os::unix::fs::chown(data.path().join(file), Some(65534), None).is_err() {
            return;
        }
        let error = host.try_open(data.path()).await.err().unwrap();
        assert_eq!(error.problem().code, "data-folder-foreign", "{file}");
    }
}
