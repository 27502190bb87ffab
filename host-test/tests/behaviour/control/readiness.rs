//! `/readyz`: ready, or why not.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;

use host_test::marketplace::Options;
use host_test::plugin::Plugin;
use host_test::{bundled, marketplace::Marketplace};

use super::Control;
use crate::command_line::{host_test, problem, run, served};
use crate::host::{Host, TEST_KEY, compiler};

/// The status, whether it is ready, and the codes of what is wrong.
async fn ready(control: &Control) -> (u16, bool, Vec<String>) {
    let (status, answer) = control.get("/readyz").await;
    let problems = answer["problems"].as_array().unwrap().iter();
    let codes = problems.map(|problem| problem["code"].as_str().unwrap().to_owned());
    (status, answer["ready"].as_bool().unwrap(), codes.collect())
}

fn not_ready(code: &str) -> (u16, bool, Vec<String>) {
    (503, false, vec![code.to_owned()])
}

#[tokio::test]
async fn ready_host_says_how_far_it_is_behind() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    assert_eq!(ready(&control).await, (200, true, Vec::new()));
    host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, "short").await;
    host.marketplace.reconcile(|_| ()).await.unwrap();
    assert_eq!(ready(&control).await, (200, true, Vec::new()));
    let (_, answer) = control.get("/readyz").await;
    assert_eq!(answer["attention"], 1);
    assert!(answer["listing_lag"].as_u64().unwrap() < 60, "{answer}");
    assert!(answer["asking_lag"].is_u64(), "{answer}");
}

#[tokio::test]
async fn ledger_that_does_not_answer_is_not_ready() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let damage = rusqlite::Connection::open(host.data.path().join("ledger.sqlite")).unwrap();
    damage.execute_batch("ALTER TABLE attention RENAME TO gone").unwrap();
    let (status, is_ready, codes) = ready(&control).await;
    assert_eq!((status, is_ready, codes.len()), (503, false, 1));
    let alive = control.request(reqwest::Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(alive.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn vault_that_cannot_be_opened_is_not_ready() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let key = host.data.path().join("vault.key");
    let right = fs::read(&key).unwrap();
    // Nothing is sealed yet.
    fs::write(&key, "a".repeat(64)).unwrap();
    assert_eq!(ready(&control).await, (200, true, Vec::new()));
    fs::write(&key, &right).unwrap();
    host.install(TEST_KEY).await.unwrap();
    // A listener that has just begun: it has opened nothing with the right key.
    for wrong in [Some("b".repeat(64)), Some("short".to_owned()), None] {
        match &wrong {
            Some(wrong) => fs::write(&key, wrong).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        let marketplace = Arc::new(host.try_open(host.data.path()).await.unwrap());
        let control = Control::over(marketplace, host.data.path(), host.client.clone()).await;
        assert_eq!(ready(&control).await, not_ready("vault-locked"), "{wrong:?}");
    }
    fs::write(&key, &right).unwrap();
    assert_eq!(ready(&control).await, (200, true, Vec::new()));
}

#[tokio::test]
async fn installations_of_another_component_are_not_ready() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let other = host.open(host.data.path(), "other").await;
    other.install(crate::host::options(TEST_KEY)).await.unwrap();
    // The same code with one more custom section is another component.
    let bytes = [bundled::COMPONENT, &[0, 2, 1, b'x']].concat();
    let options = Options::new(host.data.path());
    let plugin = Plugin::load(&bytes, &compiler()).await.unwrap();
    let marketplace = Arc::new(Marketplace::open(plugin, &options).unwrap());
    let control = Control::over(marketplace, host.data.path(), host.client.clone()).await;
    assert_eq!(ready(&control).await, not_ready("component-differs"));
    let (_, answer) = control.get("/readyz").await;
    let message = answer["problems"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("2 installations of STRIPE belong to another component"),
        "{message}"
    );
    // The operator approves it, and it takes them over.
    let (_, component) = control.get("/api/v1/component").await;
    let body = format!(r#"{{"sha256": {}}}"#, component["sha256"]);
    let (status, approved) = control.post("/api/v1/approve", &body).await;
    assert_eq!((status, &approved["moved"]), (200, &2.into()));
    assert_eq!(ready(&control).await, (200, true, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_vault_key_keeps_serve_from_starting() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let mut serve = host_test(host.data.path(), &["serve", "--listen", "127.0.0.1:0", "--json"]);
    serve.env("HOST_TEST_VAULT_KEY", "short");
    let output = run(serve).await;
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(problem(&output)["code"], "vault-locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_says_that_it_is_ready() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let served = served(&host, Stdio::null()).await;
    let url = served.line["control"].as_str().unwrap();
    let token = super::token_in(host.data.path());
    let request = host.client.get(format!("{url}/readyz")).bearer_auth(token);
    assert_eq!(request.send().await.unwrap().status(), 200);
}
