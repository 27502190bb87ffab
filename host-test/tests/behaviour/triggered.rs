//! Events on demand, with the command.

use serde_json::Value;

use super::command_line::{host_test, problem, run};
use super::host::{Host, TEST_KEY};

const TRIGGER: [&str; 2] = ["fake-stripe", "trigger"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggered_event_reaches_the_installation_and_the_api_agrees() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let at = format!("http://{}", host.fake.address());
    let event = ["payment_intent.payment_failed", "--override", "amount=500", "--at", &at];
    let arguments = [&TRIGGER[..], &event[..]].concat();
    let output = run(host_test(host.data.path(), &[&arguments[..], &["--json"]].concat())).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let happened: Value = serde_json::from_slice(&output.stdout).unwrap();
    let object = &happened["event"]["data"]["object"];
    assert_eq!(object["amount"], 500);
    let delivery = &happened["deliveries"][0];
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&200.into(), &1.into()));

    let url = format!("{at}/v1/payment_intents/{}", object["id"].as_str().unwrap());
    let read = host.client.get(url).bearer_auth(TEST_KEY).send().await.unwrap();
    let read: Value = serde_json::from_slice(&read.bytes().await.unwrap()).unwrap();
    assert_eq!(read, *object);

    let output = run(host_test(host.data.path(), &arguments)).await;
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["evt_", "payment_intent.payment_failed", "\"amount\": 500", "answered with 200"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_that_cannot_be_triggered_is_explained() {
    let host = Host::start().await;
    let at = format!("http://{}", host.fake.address());
    let nobody = "http://127.0.0.1:1";
    let other = &host.url;
    for (event, choice, at, exit_code, code) in [
        ("charge.no_such", "amount=1", at.as_str(), 1, "event-unknown"),
        ("charge.refunded", "colour=red", &at, 1, "override-unknown"),
        ("charge.refunded", "amount=ten", &at, 1, "override-invalid"),
        ("charge.refunded", "amount=500", nobody, 3, "fake-unreachable"),
        ("charge.refunded", "amount=500", other, 1, "not-the-fake"),
    ] {
        let arguments = [TRIGGER[0], TRIGGER[1], event, "--override", choice, "--at", at, "--json"];
        let output = run(host_test(host.data.path(), &arguments)).await;
        let problem = problem(&output);
        let found = (output.status.code(), problem["code"].as_str());
        assert_eq!(found, (Some(exit_code), Some(code)), "{problem}");
        assert!(!problem["remedy"][0].as_str().unwrap().is_empty());
    }
    // A key would be on the command line, which others can read.
    for wrong in [["--key", TEST_KEY], ["--override", "amount"]] {
        let arguments = [&TRIGGER[..], &["charge.refunded"], &wrong[..]].concat();
        let output = run(host_test(host.data.path(), &arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
