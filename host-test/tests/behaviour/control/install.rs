//! Install by API: the key goes in, and is nowhere afterwards.

use host_test::foreign::Secrets;
use serde_json::json;

use super::{Control, code};
use crate::host::{Host, TEST_KEY};
use crate::no_secret_anywhere::{Log, NEW_KEY, SECRET, WRONG_KEY, known, search_files};

#[tokio::test]
async fn key_that_is_installed_by_api_is_shown_nowhere() {
    let (log, _guard) = Log::of_this_thread();
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let install = "/api/v1/install";
    let mut answers = Vec::new();
    for (body, expected) in [
        (json!({ "credentials": { "api-key": WRONG_KEY } }).to_string(), 422),
        (json!({ "credentials": { "api-key": TEST_KEY } }).to_string(), 200),
        (json!({ "credentials": { "api-key": NEW_KEY }, "webhook": "automatic" }).to_string(), 200),
        (
            json!({ "credentials": { "api-key": NEW_KEY, "webhook-secret": SECRET } }).to_string(),
            200,
        ),
        (json!({ "credentials": { "api-key": NEW_KEY }, "webhook": "manual" }).to_string(), 409),
        (json!({ "credentials": { "api-key": NEW_KEY }, "mode": "live" }).to_string(), 422),
        // Everywhere that a key could be by mistake.
        (json!({ "credentials": { NEW_KEY: "x" } }).to_string(), 400),
        (json!({ "credentials": { "api-key": [NEW_KEY] } }).to_string(), 400),
        (json!({ "credentials": NEW_KEY }).to_string(), 400),
        (json!({ "credentials": {}, NEW_KEY: 1 }).to_string(), 400),
        (json!({ "credentials": {}, "webhook": NEW_KEY }).to_string(), 400),
        (json!({ "credentials": {}, "mode": NEW_KEY }).to_string(), 400),
        (NEW_KEY.to_owned(), 400),
        (format!("\"{NEW_KEY}"), 400),
    ] {
        let (status, answer) = control.post(install, &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
        answers.extend(answer.to_string().into_bytes());
    }
    for path in ["/api/v1/status", "/api/v1/review", "/api/v1/component", "/api/v1/workspaces"] {
        answers.extend(control.get(path).await.1.to_string().into_bytes());
    }
    let mut secrets: Secrets = known(&host);
    secrets.add(&control.token, 8);
    assert!(!secrets.are_in(&answers), "{}", String::from_utf8_lossy(&answers));
    std::fs::remove_file(host.data.path().join("control.token")).unwrap();
    assert!(search_files(host.data.path(), &secrets) >= 2);
    let log = log.0.lock().unwrap();
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("TRACE") && text.contains("control"), "{} bytes", log.len());
    for line in text.lines() {
        assert!(!secrets.are_in(line.as_bytes()), "{line}");
    }
}

#[tokio::test]
async fn missing_credential_is_named() {
    let host = Host::start().await;
    let control = Control::start(&host).await;
    let answer = control.post("/api/v1/install", r#"{"credentials": {}}"#).await;
    assert_eq!(code(&answer), (422, "key-missing"), "{answer:?}");
    let answer = control.post("/api/v1/install", r#"{"credentials": {"key": "x"}}"#).await;
    assert_eq!(code(&answer), (400, "credential-unknown"), "{answer:?}");
    assert!(answer.1["remedy"].to_string().contains("api-key"), "{answer:?}");
}
