//! No secret is in what the host writes: logs, screens, answers and files, in any form.

use std::path::Path;
use std::sync::{Arc, Mutex};

use fake_provider::FaultKind;
use host_test::foreign::Secrets;
use tracing::Dispatch;
use tracing::subscriber::{NoSubscriber, set_default};
use tracing_subscriber::fmt::MakeWriter;

use super::command_line::{host_test, run};
use super::host::{Host, IS_DECLINED, PAYS, TEST_KEY, options, options_with_secret};

const NEW_KEY: &str = "sk_test_51AnotherKeyOfTheMerchant";
const WRONG_KEY: &str = "sk_test_wrong51OfTheMerchantInvalid";
const SECRET: &str = "whsec_pastedByTheMerchant/+";

/// The known keys and secrets, and those that the provider has made.
fn known(host: &Host) -> Secrets {
    let mut secrets = Secrets::default();
    for secret in [TEST_KEY, NEW_KEY, WRONG_KEY, SECRET] {
        secrets.add(secret, 8);
    }
    for secret in host.fake.endpoint_secrets(false) {
        secrets.add(&secret, 8);
    }
    secrets
}

/// Everything that is written to a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Searches every file of a folder. Returns how many there are.
fn search_files(folder: &Path, secrets: &Secrets) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search_files(&path, secrets);
        } else {
            files += 1;
            assert!(!secrets.are_in(&std::fs::read(&path).unwrap()), "{}", path.display());
        }
    }
    files
}

/// What happens to a merchant, and what goes wrong meanwhile. Returns what the public door has answered.
async fn story(host: &Host) -> Vec<u8> {
    host.install(WRONG_KEY).await.unwrap_err();
    let connection = host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    let page = host.ask("order-2").await;
    host.pay(&page, IS_DECLINED).await;
    host.marketplace.refund("order-1", "r1", Some(50)).await.unwrap();
    let page = host.ask("order-3").await;
    host.pay(&page, "4000 0000 0000 0259").await;
    let mut answers = Vec::new();
    let delivery = host.fake.unsent_deliveries(false).remove(0);
    for (signature, body) in [
        (None, delivery.body.clone()),
        (Some("t=1,v1=00"), delivery.body.clone()),
        (Some(delivery.signature.as_str()), delivery.body.clone()),
        (Some(delivery.signature.as_str()), b"{}".to_vec()),
    ] {
        let (_, answer) = host.post(&delivery.url, signature, body).await;
        answers.extend_from_slice(answer.to_string().as_bytes());
    }
    for fault in [FaultKind::Failing, FaultKind::Busy] {
        host.fake.set_fault(Some(fault.into()));
        let _ = host.marketplace.repair().await;
        let _ = host.marketplace.pay(super::host::request("order-4", 1050)).await;
        let _ = host.marketplace.status().await;
    }
    host.fake.set_fault(None);
    host.marketplace.install(options(NEW_KEY)).await.unwrap();
    host.marketplace.install(options_with_secret(NEW_KEY, SECRET)).await.unwrap();
    host.marketplace.repair().await.unwrap();
    host.marketplace.reconcile(|_| ()).await.unwrap();
    host.marketplace.status().await.unwrap();
    assert!(!connection.installation.is_empty());
    answers
}

#[tokio::test]
async fn no_secret_is_in_logs_answers_or_files() {
    let log = Log::default();
    // Of every crate, at the most verbose level. The tasks of this test run on this thread.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    // With one subscriber alone, a callsite that the thread of another test reaches first is never asked for again.
    let _second = Dispatch::new(NoSubscriber::default());
    let _guard = set_default(subscriber);
    let host = Host::start().await;
    let answers = story(&host).await;
    let secrets = known(&host);
    assert!(answers.len() > 200);
    assert!(!secrets.are_in(&answers), "{}", String::from_utf8_lossy(&answers));
    assert!(search_files(host.data.path(), &secrets) >= 2);
    host.marketplace.uninstall(true).await.unwrap();
    assert!(search_files(host.data.path(), &secrets) >= 2);
    let log = log.0.lock().unwrap();
    let text = String::from_utf8_lossy(&log);
    for line in ["delivery", "TRACE"] {
        assert!(text.contains(line), "{} bytes", log.len());
    }
    for line in text.lines() {
        assert!(!secrets.are_in(line.as_bytes()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_on_a_screen() {
    let host = Host::start().await;
    let data = tempfile::tempdir().unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let mut shown = Vec::new();
    let pay = ["pay", "--amount", "10.50", "--currency", "usd", "--reference", "order-1"];
    for (arguments, key) in [
        (["install"].as_slice(), WRONG_KEY),
        (&["install"], TEST_KEY),
        (&["install", TEST_KEY], TEST_KEY),
        (&["status"], ""),
        (&pay, ""),
        (&["payment", "order-1"], ""),
        (&["flow", "order-1"], ""),
        (&["payments"], ""),
        (&["transitions"], ""),
        (&["reconcile"], ""),
        (&["attention"], ""),
        (&["install"], NEW_KEY),
        (&["repair"], ""),
        (&["uninstall"], ""),
        (&["status"], ""),
    ] {
        for format in [[].as_slice(), &["--json", "--log", "json"]] {
            let mut command = host_test(data.path(), arguments);
            command.args(format).args(["--provider-origin", &origin]);
            command.env("STRIPE_WEBHOOK_SECRET", SECRET);
            if !key.is_empty() {
                command.env("STRIPE_API_KEY", key);
            }
            let output = run(command).await;
            shown.extend([output.stdout, output.stderr].concat());
        }
    }
    let secrets = known(&host);
    for line in String::from_utf8(shown).unwrap().lines() {
        assert!(!secrets.are_in(line.as_bytes()), "{line}");
    }
    assert!(search_files(data.path(), &secrets) >= 2);
}
