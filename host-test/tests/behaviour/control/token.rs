//! The token: who does not have it gets nothing, and it is nowhere but in its file.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::time::timeout;

use super::{Control, answer, code, token_in};
use crate::command_line::{host_test, problem, run, served};
use crate::host::{Host, TEST_KEY};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Some of each kind, and what is not there.
const ROUTES: [(Method, &str); 9] = [
    (Method::GET, "/healthz"),
    (Method::GET, "/readyz"),
    (Method::GET, "/metrics"),
    (Method::GET, "/api/v1/status"),
    (Method::POST, "/api/v1/install"),
    (Method::POST, "/api/v1/payments"),
    (Method::POST, "/api/v1/uninstall"),
    (Method::GET, "/api/v1/no-such"),
    (Method::GET, "/"),
];

#[tokio::test]
async fn nothing_is_answered_without_the_token() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let wrong = "0".repeat(64);
    let mut denied = 0;
    for (method, path) in ROUTES {
        for given in [None, Some(""), Some("Bearer"), Some(wrong.as_str())] {
            let url = format!("{}{path}", control.url);
            let mut request = host.client.request(method.clone(), url);
            if let Some(given) = given {
                request = request.header("authorization", format!("Bearer {given}"));
            }
            let answer = answer(request).await;
            assert_eq!(code(&answer), (401, "control-token-wrong"), "{path} {given:?}");
            assert_eq!(answer.1.as_object().unwrap().len(), 3);
            denied += 1;
        }
    }
    let metrics = control.metrics().await;
    assert!(metrics.contains(&format!(r#"event="control-denied"}} {denied}"#)), "{metrics}");
    // Nothing was done, and the right one opens.
    let status = control.get("/api/v1/status").await;
    assert_eq!((status.0, &status.1["mode"]), (200, &"test".into()));
}

#[cfg(unix)]
#[tokio::test]
async fn file_of_the_token_is_private_and_kept() {
    use std::os::unix::fs::PermissionsExt;

    let host = Host::start().await;
    let control = Control::start(&host).await;
    let file = host.data.path().join("control.token");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
    assert_eq!((control.token.len(), mode()), (64, 0o600));
    // As with every file of the folder: nobody else could enter it, so it is tightened.
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    host.try_open(host.data.path()).await.unwrap();
    assert_eq!(mode(), 0o600);
    // Another listener of the same folder has the same one.
    assert_eq!(Control::start(&host).await.token, control.token);
    // A link in its place is refused.
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("token");
    std::fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    let refused = host.try_open(host.data.path()).await.err().unwrap().problem();
    assert_eq!(refused.code, "data-folder-foreign");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_that_holds_no_token_keeps_serve_from_starting() {
    let host = Host::start().await;
    std::fs::write(host.data.path().join("control.token"), "short").unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let output = run(host_test(host.data.path(), &serve)).await;
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(problem(&output)["code"], "control-token-unusable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_is_in_no_log_and_on_no_command_line() {
    let host = Host::start().await;
    let mut served = served(&host, Stdio::piped()).await;
    let token = token_in(host.data.path());
    assert_eq!(served.line["token_file"], host.data.path().join("control.token").to_str().unwrap());
    let url = served.line["control"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let wrong = format!("{}x", &token[1..]);
    for (given, status) in [(&token, 200), (&wrong, 401)] {
        for path in ["/healthz", "/api/v1/workspaces"] {
            let request = host.client.get(format!("{url}{path}")).bearer_auth(given);
            assert_eq!(request.send().await.unwrap().status(), status);
        }
    }
    let mut shown = served.line.to_string();
    #[cfg(target_os = "linux")]
    {
        let id = served.process.id().unwrap();
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{id}/{file}"));
            shown.push_str(&String::from_utf8_lossy(&bytes.unwrap_or_default()));
        }
    }
    let mut log = String::new();
    let mut lines = BufReader::new(served.process.stderr.take().unwrap());
    while !log.contains("control-denied") {
        // Written by a thread of its own, a little later.
        assert_ne!(
            timeout(PATIENCE, lines.read_line(&mut log)).await.unwrap().unwrap(),
            0,
            "{log}"
        );
    }
    served.process.start_kill().unwrap();
    lines.read_to_string(&mut log).await.unwrap();
    for secret in [&token, &wrong] {
        assert!(!shown.contains(secret.as_str()) && !log.contains(secret.as_str()));
    }
}
