//! `call`, `--trace`, `profile` and `webhook verify`, as a plugin developer runs them.

use std::process::{Command, Output};

use serde_json::Value;

use super::command_line::{host_test, problem, run};
use super::host::{Host, TEST_KEY, private_folder};

const SECRET: &str = "whsec_thatNobodyMayRead1234";

/// The binary with what stands in for the provider.
fn tool(host: &Host, arguments: &[&str]) -> Command {
    let mut command = host_test(host.data.path(), arguments);
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    command.args(["--provider-origin", &origin]);
    command.env("STRIPE_API_KEY", TEST_KEY).env("STRIPE_WEBHOOK_SECRET", SECRET);
    command
}

fn text(output: &Output) -> String {
    let printed = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(printed).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_can_be_called_with_its_example() {
    let host = Host::start().await;
    let functions = json(&run(tool(&host, &["call", "built-in", "--json"])).await);
    let functions = functions.as_array().unwrap();
    assert_eq!(functions.len(), 16);
    for function in functions {
        let name = function["function"].as_str().unwrap();
        assert!(function["signature"].as_str().unwrap().starts_with(&format!("{name}(")));
        let example = run(tool(&host, &["call", "built-in", name])).await;
        let example = String::from_utf8(example.stdout).unwrap();
        let called =
            run(tool(&host, &["call", "built-in", name, &example, "--trace", "--json"])).await;
        // Some of the examples are about payments that there are not.
        let is_error = json(&called).get("err").is_some();
        assert_eq!(called.status.code(), Some(is_error.into()), "{name}: {}", text(&called));
        let printed = text(&called);
        assert!(printed.contains(&format!("\"function\":\"{name}\"")), "{printed}");
        assert!(!printed.contains(TEST_KEY) && !printed.contains(SECRET), "{printed}");
        match name {
            "install" => {
                assert_eq!(json(&called)["ok"]["webhook"]["signing-secrets"][0], "(hidden)");
            }
            "create-payment" => {
                let created = json(&called);
                assert_eq!(created["ok"]["amount"]["minor-units"], 1050);
                assert!(created["ok"]["awaits"]["customer"]["url"].is_string());
                let request = printed.lines().find(|line| line.contains("\"status\":200")).unwrap();
                let request: Value = serde_json::from_str(request).unwrap();
                assert_eq!(request["method"], "POST");
                assert_eq!(request["url"], "https://api.stripe.com/v1/checkout/sessions");
                assert_eq!(request["span"]["function"], name);
                assert!(request["bytes_out"].as_u64() > Some(100), "{request}");
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_are_explained_by_their_place() {
    let data = private_folder();
    let example = run(host_test(data.path(), &["call", "built-in", "create-payment"])).await;
    let example = String::from_utf8(example.stdout).unwrap();
    let rows = [
        ("\"currency\": \"usd\"", "\"currency\": 7", "json-type-wrong", "request.amount.currency"),
        (
            "\"currency\": \"usd\"",
            "\"curency\": \"usd\"",
            "json-field-unknown",
            "request.amount.curency",
        ),
        ("\"reference\": \"order-1\",", "", "json-field-missing", "request.reference"),
        ("\"automatic\"", "\"later\"", "json-case-unknown", "request.capture-method"),
        ("1050", "-1", "json-type-wrong", "request.amount.minor-units"),
        ("1050", "18446744073709551616", "json-type-wrong", "request.amount.minor-units"),
        ("\"extras\": []", "\"extras\": [[\"a\"]]", "json-type-wrong", "installation.extras[0]"),
        ("{", "{{", "json-unreadable", "line 1"),
    ];
    for (from, to, code, place) in rows {
        let file = data.path().join("arguments.json");
        std::fs::write(&file, example.replacen(from, to, 1)).unwrap();
        let file = format!("@{}", file.display());
        let call = ["call", "built-in", "create-payment", &file, "--json"];
        let output = run(host_test(data.path(), &call)).await;
        let problem = problem(&output);
        assert_eq!((output.status.code(), problem["code"].as_str()), (Some(2), Some(code)), "{to}");
        assert!(problem["message"].as_str().unwrap().contains(place), "{problem}");
        assert!(!problem["remedy"].as_array().unwrap().is_empty());
    }
    let unknown = run(host_test(data.path(), &["call", "built-in", "pay", "{}", "--json"])).await;
    assert_eq!(problem(&unknown)["code"], "function-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reaches_no_network() {
    let data = private_folder();
    let call = |arguments: &[&str]| {
        let mut command = host_test(data.path(), &[&["call", "built-in"], arguments].concat());
        command.env("STRIPE_API_KEY", TEST_KEY);
        command
    };
    let example = run(call(&["create-payment"])).await;
    let example = String::from_utf8(example.stdout).unwrap();
    let output = run(call(&["create-payment", &example, "--trace"])).await;
    let answer = json(&output);
    assert_eq!(answer["err"]["unavailable"]["code"], "provider-unreachable", "{answer}");
    assert!(text(&output).contains("failure=\"unreachable\" request_sent=false"));
    assert!(text(&output).contains("The network is off."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_of_a_use_case_holds_no_secret() {
    let host = Host::start().await;
    let output = run(tool(&host, &["install", "--trace"])).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let printed = text(&output);
    let traced = |function: &str, what: &str| {
        printed.lines().any(|line| {
            line.contains(&format!("call{{function=\"{function}\"}}")) && line.contains(what)
        })
    };
    assert!(
        traced("install", "method=\"GET\" url=\"https://api.stripe.com/v1/account\""),
        "{printed}"
    );
    assert!(
        traced("install", "method=\"POST\" url=\"https://api.stripe.com/v1/webhook_endpoints\""),
        "{printed}"
    );
    assert!(!printed.contains(TEST_KEY) && !printed.contains("whsec_"), "{printed}");
    let untraced = run(tool(&host, &["repair"])).await;
    assert!(!text(&untraced).contains("time_ms"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_measures_every_function() {
    let host = Host::start().await;
    for (is_offline, created) in [(true, "provider-unreachable"), (false, "answered")] {
        let arguments = ["profile", "built-in", "--calls", "1", "--json"];
        let command = if is_offline {
            host_test(host.data.path(), &arguments)
        } else {
            tool(&host, &arguments)
        };
        let figures = json(&run(command).await);
        let functions = figures["functions"].as_array().unwrap();
        assert_eq!(functions.len(), 16);
        for figure in functions {
            let name = figure["function"].as_str().unwrap();
            for number in ["time_p50_ns", "instructions", "memory_bytes"] {
                assert!(figure[number].as_u64() > Some(1000), "{name} {number}: {figure}");
            }
            let calls_host = figure["host_calls"].as_u64() > Some(0);
            match name {
                "describe" | "identify-webhook" | "handle-webhook" => {
                    assert!(!calls_host, "{figure}");
                }
                "create-payment" => {
                    assert!(calls_host);
                    assert_eq!(figure["outcome"], created);
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_takes_any_header_and_the_query() {
    let data = private_folder();
    let body = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json"
    );
    let signature = fake_provider::signature(SECRET, false, &std::fs::read(body).unwrap(), 1000);
    let verify = async |header: &str, secrets: &str| {
        let arguments = ["webhook", "verify", body, "--received-at", "1000", "--query", "?a=b"];
        let mut command = host_test(data.path(), &arguments);
        command.args(["--header", "Content-Type: application/json", "--header", header]);
        command.env("WEBHOOK_SECRETS", secrets);
        let output = run(command).await;
        assert!(!text(&output).contains(SECRET));
        (output.status.code(), json(&output))
    };
    let header = format!("Stripe-Signature: {signature}");
    let (code, answer) = verify(&header, SECRET).await;
    assert_eq!((code, answer["verified"].as_bool()), (Some(0), Some(true)));
    assert_eq!(answer["causes"], serde_json::json!([]));
    let (_, answer) = verify(&header, &format!("whsec_another1234,{SECRET}")).await;
    assert_eq!(answer["secret"], 2);
    let (code, answer) = verify(&header, &format!("{SECRET}\n")).await;
    assert_eq!((code, answer["code"].as_str()), (Some(1), Some("signature-mismatch")));
    assert_eq!(answer["causes"][0]["code"], "secret-white-space");
    assert!(!answer["message"].as_str().unwrap().contains("installation"));
    let (_, answer) = verify("X-Other: 1", SECRET).await;
    assert_eq!(answer["causes"][0]["code"], "header-missing");
    // A script that has lost its secret verifies nothing.
    let (code, answer) = verify(&header, "").await;
    assert_eq!((code, answer["code"].as_str()), (Some(1), Some("secret-blank")));
    assert!(!answer.to_string().contains("installation"), "{answer}");
}

/// The variable serves every command: what it names for another plugin asks for no credentials of this one.
#[tokio::test]
async fn what_stands_in_for_another_provider_needs_no_credentials() {
    let data = private_folder();
    let body = data.path().join("body");
    std::fs::write(&body, "{}").unwrap();
    let body = body.to_str().unwrap();
    let example = run(host_test(data.path(), &["call", "built-in", "get-payment"])).await;
    let example = String::from_utf8(example.stdout).unwrap();
    let rows: [(&[&str], i32); 3] = [
        (&["call", "built-in", "get-payment", &example], 1),
        (&["profile", "built-in", "--calls", "1"], 0),
        (&["webhook", "verify", body, "--received-at", "1"], 1),
    ];
    for (arguments, expected) in rows {
        let command = |origin: &str| {
            let mut command = host_test(data.path(), arguments);
            command.env("HOST_TEST_PROVIDER_ORIGIN", format!("{origin}=http://127.0.0.1:9"));
            command.env("WEBHOOK_SECRETS", SECRET).stdin(std::process::Stdio::null());
            command
        };
        let others = run(command("https://api.another.example")).await;
        assert_eq!(others.status.code(), Some(expected), "{arguments:?} {}", text(&others));
        let own = run(command("https://api.stripe.com")).await;
        assert!(text(&own).contains("STRIPE_API_KEY"), "{arguments:?} {}", text(&own));
    }
}

/// `--plugin` and `--provider` say which plugin a tool looks at, as they do for every other command.
#[tokio::test]
async fn tool_looks_at_the_plugin_that_is_meant() {
    let data = private_folder();
    let other = data.path().join("other.wasm");
    std::fs::write(&other, super::hostile::component("")).unwrap();
    let other = other.to_str().unwrap();
    let looked = async |arguments: &[&str]| {
        let mut command = host_test(data.path(), &["inspect", "--json", "--plugin", other]);
        command.args(arguments);
        run(command).await
    };
    for (provider, is_built_in) in [("HOSTILE", false), ("STRIPE", true)] {
        let inspected = json(&looked(&["--provider", provider]).await);
        assert_eq!(inspected["path"] == "(built in)", is_built_in, "{inspected}");
        assert_eq!(inspected["provider_id"], provider);
    }
    assert_eq!(problem(&looked(&[]).await)["code"], "provider-not-chosen");
    assert_eq!(problem(&looked(&["--provider", "INTI"]).await)["code"], "provider-unknown");
    let commands: [&[&str]; 2] =
        [&["webhook", "verify", other, "--received-at", "1"], &["bench", "webhook", other]];
    for arguments in commands {
        let mut command = host_test(data.path(), arguments);
        command.args(["--provider", "INTI", "--json"]).env("WEBHOOK_SECRETS", SECRET);
        assert_eq!(problem(&run(command).await)["code"], "provider-unknown", "{arguments:?}");
    }
}
