//! The process is killed at every point of an install and an uninstall, and the next command puts
//! right what it has left.
//!
//! Between two calls of the provider the host writes to its ledger. So a process that is killed
//! when a call arrives has done all that comes before, and one that is killed when a call has had
//! its effect has written down nothing of it.

use std::process::{Command, Stdio};

use fake_provider::{Fault, FaultKind};
use host_test::contract::types::{Mode, Verdict};
use host_test::marketplace::Error;

use super::host::{Host, LIVE_KEY, PAYS, TEST_KEY};

/// More calls than any of the two makes. The test says if that is not so any more.
const CALLS: usize = 12;

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Install,
    Status,
    Uninstall,
    /// An install with the key of the other mode, to which the first key's webhook is unknown.
    Switch,
}

/// Runs a command of the binary and kills it when its call after `skip` others arrives, or has
/// had its effect. False: it ended before.
async fn is_killed(host: &Host, command: &str, skip: usize, has_effect: bool) -> bool {
    host.fake.set_fault(Some(Fault {
        kind: FaultKind::Silent,
        requests: String::new(),
        skip,
        has_effect,
    }));
    let mut process = Command::new(env!("CARGO_BIN_EXE_host-test"))
        .args([command, "--data-dir"])
        .arg(host.data.path())
        .arg("--provider-origin")
        .arg(format!("https://api.stripe.com=http://{}", host.fake.address()))
        .env("STRIPE_API_KEY", TEST_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, ended) = tokio::sync::oneshot::channel();
    let id = process.id();
    let waiting = tokio::task::spawn_blocking(move || {
        let status = process.wait().unwrap();
        // Nobody listens any more once it has been killed.
        let _ = sender.send(());
        status
    });
    let was_alive = tokio::select! {
        () = host.fake.fault_met() => true,
        _ = ended => false,
    };
    if was_alive {
        let killed = Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap();
        assert!(killed.success());
    }
    let status = waiting.await.unwrap();
    assert_eq!(status.success(), !was_alive, "{command} ended by itself: {status}");
    host.fake.set_fault(None);
    was_alive
}

/// What was promised: one webhook whose secret is known, or none at all.
async fn is_right(host: &Host, next: Next) {
    match next {
        Next::Install => {
            host.install(TEST_KEY).await.unwrap();
        }
        Next::Switch => match host.install(LIVE_KEY).await {
            Ok(connection) => {
                assert_eq!(connection.mode, Mode::Live);
                assert_eq!(host.fake.endpoint_ids(true).len(), 1);
                assert!(host.fake.endpoint_ids(false).is_empty());
                return;
            }
            // The first install had come far enough to count.
            Err(error) => assert_eq!(error.problem().code, "mode-mismatch"),
        },
        Next::Status => match host.marketplace.status().await {
            Ok(_) => {}
            Err(error) => {
                // An uninstall that was cut off is over now.
                assert_eq!(error.problem().code, "not-installed");
                assert!(host.fake.endpoint_ids(false).is_empty());
                return;
            }
        },
        Next::Uninstall => {
            let removed = host.marketplace.uninstall(false).await;
            assert!(matches!(removed, Ok(_) | Err(Error::NotInstalled)), "{removed:?}");
            assert!(host.fake.endpoint_ids(false).is_empty());
            return;
        }
    }
    let (_, report) = host.marketplace.status().await.unwrap();
    let wrong = report.checks.iter().find(|c| matches!(c.verdict, Verdict::Fail | Verdict::Warn));
    // What a repair has to do, the report names.
    if wrong.is_some_and(|c| ["webhook-endpoint", "webhook-duplicates"].contains(&&*c.id)) {
        host.marketplace.repair().await.unwrap();
    } else {
        assert_eq!(wrong.map(|check| &check.message), None);
    }
    assert_eq!(host.fake.endpoint_ids(false).len(), 1);
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let delivery = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let answer = host.post(&delivery.url, Some(&delivery.signature), delivery.body).await;
    // It came by itself as well.
    assert_eq!((answer.0, &answer.1["verdict"]), (200, &"duplicate".into()));
    assert_eq!(host.outputs("order-1").await, ["Pending", "Approved"]);
}

/// What there is before the command.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Installed,
    /// And somebody has deleted the webhook.
    WithoutWebhook,
}

async fn kill_everywhere(command: &str, before: Before) {
    for next in [Next::Install, Next::Status, Next::Uninstall, Next::Switch] {
        for has_effect in [false, true] {
            let mut kills = 0;
            for skip in 0..CALLS {
                let host = Host::start().await;
                if before != Before::Nothing {
                    host.install(TEST_KEY).await.unwrap();
                }
                if before == Before::WithoutWebhook {
                    host.delete_webhooks().await;
                }
                if !is_killed(&host, command, skip, has_effect).await {
                    break;
                }
                kills += 1;
                is_right(&host, next).await;
            }
            assert!((1..CALLS).contains(&kills), "{command} was killed at {kills} points");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_install_is_resumed() {
    kill_everywhere("install", Before::Nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_uninstall_is_resumed() {
    kill_everywhere("uninstall", Before::Installed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_repair_is_resumed() {
    kill_everywhere("repair", Before::WithoutWebhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_rotation_is_resumed() {
    kill_everywhere("install", Before::WithoutWebhook).await;
}
