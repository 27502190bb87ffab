//! Credentials on standard input and in variables, and what stands in for a provider.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::command_line::{host_test, problem, run};
use super::host::{Host, TEST_KEY, private_folder};
use super::hostile::component;

const SECRET: &str = "whsec_OfTheMerchantsOwnWebhook";

/// Runs a command with a text on its standard input.
async fn run_with(mut command: Command, input: String) -> Output {
    tokio::task::spawn_blocking(move || {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

fn has_secret(output: &Output) -> bool {
    let connection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = connection["checks"].as_array().unwrap();
    let stored = checks.iter().find(|check| check["id"] == "webhook-secret");
    stored.is_some_and(|check| check["verdict"] == "pass")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_credentials_come_in_one_go() {
    let host = Host::start().await;
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let install = |data: &Path| {
        let mut command = host_test(data, &["install", "--webhook", "manual", "--json"]);
        command.args(["--provider-origin", &origin]);
        command
    };
    for (input, is_whole) in [
        (format!("{TEST_KEY}\n"), false),
        (format!("api-key={TEST_KEY}\nwebhook-secret={SECRET}\n"), true),
        (format!("\nSTRIPE_WEBHOOK_SECRET={SECRET}\r\nSTRIPE_API_KEY={TEST_KEY}"), true),
        (format!(r#"{{"api-key": "{TEST_KEY}", "webhook-secret": "{SECRET}"}}"#), true),
        (format!(r#"{{"STRIPE_API_KEY": "{TEST_KEY}", "webhook-secret": ""}}"#), false),
    ] {
        let data = private_folder();
        let output = run_with(install(data.path()), input.clone()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{input}: {said}");
        assert_eq!(has_secret(&output), is_whole, "{input}");
    }
    // What is refused repeats nothing of it.
    for (input, code) in [
        (format!("api-key={TEST_KEY}\nno-such={SECRET}"), "credentials-malformed"),
        (format!("api-key={TEST_KEY}\n{SECRET}"), "credentials-malformed"),
        (format!("api-key={TEST_KEY}\nSTRIPE_API_KEY={TEST_KEY}"), "credentials-malformed"),
        (format!(r#"{{"api-key": ["{TEST_KEY}"]}}"#), "credentials-malformed"),
        (format!(r#"{{"api-key": "{TEST_KEY}""#), "credentials-malformed"),
        (format!("webhook-secret={SECRET}"), "credential-missing"),
    ] {
        let data = private_folder();
        let output = run_with(install(data.path()), input.clone()).await;
        assert_eq!(output.status.code(), Some(2), "{input}");
        let problem = problem(&output).to_string();
        assert!(problem.contains(code) && problem.contains("STRIPE_WEBHOOK_SECRET"), "{problem}");
        assert!(!problem.contains(TEST_KEY) && !problem.contains(SECRET), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slip_in_an_origin_reaches_no_provider() {
    let host = Host::start().await;
    let data = private_folder();
    let fake = format!("http://{}", host.fake.address());
    let install = |origins: &[&str], variable: &str| {
        let mut command = host_test(data.path(), &["install", "--json"]);
        for origin in origins {
            command.args(["--provider-origin", &format!("{origin}={fake}")]);
        }
        command.env("HOST_TEST_PROVIDER_ORIGIN", variable).env("STRIPE_API_KEY", TEST_KEY);
        command
    };
    for wrong in ["https://api.strip.com", "https://api.stripe.com:8443", "http://api.stripe.com"] {
        let output = run(install(&[wrong], "")).await;
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let problem = problem(&output);
        assert_eq!(problem["code"], "provider-origin-unused");
        assert!(problem["remedy"].to_string().contains("https://api.stripe.com"), "{problem}");
    }
    let malformed = run(install(&[], "https://api.stripe.com")).await;
    assert_eq!(problem(&malformed)["code"], "provider-origin-malformed");
    // The variable may serve other plugins too.
    let variable = format!("https://api.other.example={fake} https://api.stripe.com={fake}");
    let installed = run(install(&[], &variable)).await;
    assert_eq!(installed.status.code(), Some(0), "{}", String::from_utf8_lossy(&installed.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_credential_names_its_variable() {
    let data = private_folder();
    let file = data.path().join("other.wasm");
    std::fs::write(&file, component("")).unwrap();
    let mut install =
        host_test(data.path(), &["install", "--mode", "test", "--approve-origins", "--json"]);
    install.arg("--component").arg(&file);
    let output = run(install).await;
    let (code, problem) = (output.status.code(), problem(&output));
    // There is nothing on standard input.
    assert!(code != Some(0) && problem.to_string().contains("PLUGIN_HOSTILE_TOKEN"), "{problem}");
}
