//! From nothing to an installed plugin: `new`, `componentize`, and the project that they make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::command_line::{host_test, run};
use super::host::private_folder;

/// Where the project is built. It is kept from one run to the next: only the first takes long.
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/new-project");

/// Cargo for the project, without the network: every crate is one of this workspace's.
fn cargo(project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(project).args(arguments).args(["--offline", "--quiet"]);
    command.args(["--target-dir", TARGET]);
    // Those of the outer build.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET");
    command
}

async fn succeeds(command: Command) -> Value {
    let output = run(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn code(output: &Output) -> (Option<i32>, Value) {
    let problem: Value = serde_json::from_slice(&output.stderr).unwrap_or_default();
    (output.status.code(), problem["code"].clone())
}

#[tokio::test]
async fn new_project_builds_and_installs() {
    let data = private_folder();
    let project = data.path().join("lama-pay");
    let folder = project.to_str().unwrap();
    let new = ["new", "lama-pay", "--folder", folder, "--json"];
    let written = succeeds(host_test(data.path(), &new)).await;
    assert!(written["files"].as_array().unwrap().len() > 20);
    // What is there is never overwritten.
    let again = run(host_test(data.path(), &new)).await;
    assert_eq!(code(&again), (Some(2), "folder-not-empty".into()));

    succeeds(cargo(&project, &["build", "--target", "wasm32-unknown-unknown"])).await;
    succeeds(cargo(&project, &["build", "--package", "lama-pay-fake"])).await;
    let module = format!("{TARGET}/wasm32-unknown-unknown/debug/lama_pay.wasm");
    let file = project.join("lama-pay.wasm");
    let component = file.to_str().unwrap();
    let made = ["componentize", &module, "--output", component, "--json"];
    let made = succeeds(host_test(data.path(), &made)).await;
    assert_eq!(made["provider"], "LAMA_PAY");
    let inspected = succeeds(host_test(data.path(), &["inspect", component, "--json"])).await;
    assert_eq!(inspected["callable_imports"].as_array().unwrap().len(), 1);

    succeeds(cargo(&project, &["test", "--workspace"])).await;
    // Three rules: all of them are run for the example, which has the same text.
    let scenario = project.join("scenario.json");
    for rule in ["delivery-reaches-flow", "exact-amounts", "one-refund"] {
        let conform = ["conform", component, "--scenario", scenario.to_str().unwrap(), "--json"];
        let mut conform = host_test(data.path(), &conform);
        conform.args(["--rule", rule]);
        // Of the scenario's cargo.
        conform.env("CARGO_TARGET_DIR", TARGET).env("CARGO_NET_OFFLINE", "true");
        succeeds(conform).await;
    }

    let fake = PathBuf::from(TARGET).join("debug/lama-pay-fake");
    let mut fake = tokio::process::Command::new(fake);
    let mut fake = fake.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(fake.stdout.take().unwrap()).lines();
    let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let origin =
        format!("https://api.sandbox.lamapay.example={}", line["listening"].as_str().unwrap());
    let shop = |arguments: &[&str]| {
        let mut command = host_test(data.path(), arguments);
        command.args(["--component", component, "--provider-origin", &origin, "--json"]);
        command.env("PLUGIN_LAMA_PAY_STORE_ID", "store-4711");
        command.env("PLUGIN_LAMA_PAY_TOKEN", "lama_pay_TokenOfTheMerchant");
        command
    };
    let install = ["install", "--mode", "test", "--webhook", "manual", "--approve-origins"];
    succeeds(shop(&install)).await;
    let pay = ["pay", "--amount", "10.50", "--currency", "usd", "--reference", "order-1"];
    let paid = succeeds(shop(&pay)).await;
    assert!(paid.to_string().contains("/pay/pay_"), "{paid}");
    succeeds(shop(&["uninstall"])).await;
}

#[tokio::test]
async fn module_that_is_no_plugin_is_refused() {
    let data = private_folder();
    let file = |name: &str, text: &str| {
        let path = data.path().join(name);
        fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rows = [
        (file("component.wasm", "(component)"), "module-is-a-component"),
        (file("empty.wasm", "(module)"), "module-world-missing"),
        (
            file("wasi.wasm", r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#),
            "module-imports-wasi",
        ),
        (data.path().join("nothing.wasm").to_str().unwrap().to_owned(), "component-unreadable"),
    ];
    let output = data.path().join("output.wasm");
    for (module, expected) in rows {
        let command = ["componentize", &module, "--output", output.to_str().unwrap(), "--json"];
        let refused = run(host_test(data.path(), &command)).await;
        assert_eq!(code(&refused), (Some(4), expected.into()));
        assert!(!output.exists());
    }
}
