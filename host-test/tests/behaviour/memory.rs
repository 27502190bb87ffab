//! What stands in the memory of a running server, and who may read it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::command_line::{host_test, listening, run, serving};
use super::host::{Host, PAYS, TEST_KEY};

/// Somebody who is not the superuser.
const NOBODY: u32 = 65534;

/// How often each text stands in the memory that a process may write. None: it may not be read.
fn occurrences(process: u32, texts: &[&[u8]]) -> Option<Vec<usize>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"));
    let memory = maps.and_then(|maps| Ok((maps, File::open(format!("/proc/{process}/mem"))?)));
    let (maps, mut memory) = match memory {
        Ok(memory) => memory,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            return None;
        }
    };
    let mut counts = vec![0; texts.len()];
    for map in maps.lines().filter(|map| map.split(' ').nth(1).unwrap().starts_with("rw")) {
        let (start, end) = map.split_once(' ').unwrap().0.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(address(end) - address(start)).unwrap()];
        memory.seek(SeekFrom::Start(address(start))).unwrap();
        // A part may have gone since, or be the kernel's.
        if memory.read_exact(&mut bytes).is_ok() {
            for (count, text) in counts.iter_mut().zip(texts) {
                *count += memchr::memmem::find_iter(&bytes, text).count();
            }
        }
    }
    Some(counts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vault_key_stands_in_memory_once() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let digits = fs::read_to_string(host.data.path().join("vault.key")).unwrap();
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    let key: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();

    let (process, url) = serving(&host, Stdio::null()).await;
    for event in ["payment_intent.created", "payment_intent.succeeded"] {
        let Some(delivery) = host.fake.unsent_delivery(false, event) else { continue };
        let (_, path) = delivery.url.split_once("/link-webhook").unwrap();
        for _ in 0..5 {
            let post = host.client.post(format!("{url}/link-webhook{path}"));
            let post = post.header("stripe-signature", &delivery.signature);
            let answer = post.body(delivery.body.clone()).send().await.unwrap();
            assert_eq!(answer.status(), 200);
        }
    }
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let mut status = host_test(host.data.path(), &["status"]);
    status.args(["--provider-origin", &origin]);
    run(status).await;
    let texts = [key.as_slice(), digits.as_bytes(), TEST_KEY.as_bytes()];
    let Some(found) = occurrences(process.id().unwrap(), &texts) else { return };
    // The vault's own copy and, at the moment at which a value is opened, the cipher's, which is erased.
    assert!((1..=2).contains(&found[0]), "{} keys", found[0]);
    assert_eq!(found[1], 0);
    // The HTTP client's buffers, which nobody erases: at most one for each connection that was open at a time.
    assert!(found[2] <= 6, "{} API keys", found[2]);
}

/// Gives a folder to another user.
fn give_away(folder: &Path, user: u32) {
    for entry in fs::read_dir(folder).unwrap() {
        std::os::unix::fs::chown(entry.unwrap().path(), Some(user), Some(user)).unwrap();
    }
    std::os::unix::fs::chown(folder, Some(user), Some(user)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_leaves_no_core_dump_and_is_not_read() {
    let host = Host::start().await;
    // Of a process that may be read, the user is the owner of its files in /proc; of another one, the superuser.
    // So the server runs as somebody else, from a folder that everybody may enter.
    let binary = tempfile::tempdir().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let data = host.data.path();
    let mut command = host_test(data, &serve);
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(binary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let path = binary.path().join("host-test");
        fs::copy(env!("CARGO_BIN_EXE_host-test"), &path).unwrap();
        give_away(data, NOBODY);
        command = Command::new(path);
        command.args(serve).arg("--data-dir").arg(data).stdin(Stdio::null());
        command.uid(NOBODY).gid(NOBODY);
    }
    let (process, url) = listening(&host, command, Stdio::null()).await;
    let id = process.id().unwrap();
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(core.split_whitespace().nth(5), Some("0"), "{core}");
    assert_eq!(fs::metadata(format!("/proc/{id}/mem")).unwrap().uid(), 0);
    // The plugin still runs.
    let post = host.client.post(format!("{url}/link-webhook?provider=STRIPE")).body("{}");
    assert_eq!(post.send().await.unwrap().status(), 200);
}
