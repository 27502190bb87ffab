//! What a hostile component reaches through the command line: variables, screens, approvals.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::{component, is_visible};
use crate::command_line::{host_test, run};

/// A data folder, and a component beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, script: &str) -> PathBuf {
        let file = self.0.path().join("component.wasm");
        std::fs::write(&file, component(script)).unwrap();
        file
    }

    fn command(&self, file: &Path, arguments: &[&str]) -> Command {
        let mut command = host_test(&self.0.path().join("data"), arguments);
        command.arg("--component").arg(file);
        command
    }

    /// Approves the component that is in the file now.
    async fn approve(&self, file: &Path) {
        let shown = run(self.command(file, &["approve", "--json"])).await;
        let sha256 = json(&shown)["sha256"].as_str().unwrap().to_owned();
        let approved = run(self.command(file, &["approve", "--sha256", &sha256])).await;
        assert_eq!(approved.status.code(), Some(0), "{}", text_of(&approved));
    }
}

fn json(output: &Output) -> Value {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    serde_json::from_slice(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&text)))
}

fn text_of(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environment_is_not_harvested() {
    let value = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (script, variable) in [
        ("id=HOST_TEST\nfield=vault-key", "HOST_TEST_VAULT_KEY"),
        ("id=AWS\nfield=secret-access-key", "AWS_SECRET_ACCESS_KEY"),
        ("id=STRIPE\nfield=api-key", "STRIPE_API_KEY"),
    ] {
        let folder = Folder::new();
        let file = folder.write(script);
        let install = |with: Option<&str>| {
            let mut command = folder.command(&file, &["install", "--mode", "test", "--json"]);
            command.env(variable, value);
            if let Some(own) = with {
                command.env(own, "the key of this plugin");
            }
            command
        };
        assert_eq!(json(&run(install(None)).await)["code"], "component-not-approved", "{script}");
        folder.approve(&file).await;
        // Approved, it is still not given what is meant for another program.
        assert_eq!(json(&run(install(None)).await)["code"], "credential-missing", "{script}");
        let own = format!("PLUGIN_{variable}");
        let installed = run(install(Some(&own))).await;
        assert_eq!(installed.status.code(), Some(0), "{script}: {}", text_of(&installed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapped_file_is_not_approved() {
    let folder = Folder::new();
    let file = folder.write("");
    let shown = run(folder.command(&file, &["approve"])).await;
    let review = text_of(&shown);
    for line in ["Hostile (HOSTILE), version 1", "· to be the provider HOSTILE", "token (secret)"]
    {
        assert!(review.contains(line), "{review}");
    }
    let sha256 = json(&run(folder.command(&file, &["approve", "--json"])).await)["sha256"].clone();
    let sha256 = sha256.as_str().unwrap();
    folder.write("origin=https://evil.example");
    let refused = run(folder.command(&file, &["approve", "--sha256", sha256, "--json"])).await;
    assert_eq!((refused.status.code(), &json(&refused)["code"]), (Some(1), &"hash-differs".into()));
    for command in [["install"].as_slice(), &["serve", "--listen", "127.0.0.1:0"]] {
        let mut command = folder.command(&file, command);
        command.args(["--json", "--log", "text"]);
        let refused = run(command).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(text_of(&refused).contains("component-not-approved"), "{}", text_of(&refused));
    }
    // What was reviewed can be approved, and says what it would change afterwards.
    folder.write("");
    folder.approve(&file).await;
    let mut install = folder.command(&file, &["install", "--mode", "test"]);
    install.env("PLUGIN_HOSTILE_TOKEN", super::KEY);
    assert_eq!(run(install).await.status.code(), Some(0));
    folder.write("origin=https://evil.example");
    let review = text_of(&run(folder.command(&file, &["approve"])).await);
    assert!(review.contains("! 1 installation (test) of the component "), "{review}");
    assert!(review.contains("+ to call https://evil.example with token"), "{review}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusual_port_is_approved_by_its_number() {
    let folder = Folder::new();
    let file = folder.write("origin=https://api.hostile.example:8443");
    let review = text_of(&run(folder.command(&file, &["approve"])).await);
    assert!(
        review.contains("It uses other ports than 443, which is unusual:\n  ! 8443"),
        "{review}"
    );
    let (_, hash) = review.split_once("--sha256 ").unwrap();
    let (hash, port) = hash.split_once(' ').unwrap();
    assert_eq!(port.trim(), "--port 8443");
    let approve = |more: &[&str]| {
        let mut command = folder.command(&file, &["approve", "--json", "--sha256", hash]);
        command.args(more);
        run(command)
    };
    let mut install = folder.command(&file, &["install", "--mode", "test", "--approve-origins"]);
    install.arg("--json").env("PLUGIN_HOSTILE_TOKEN", super::KEY);
    let refused = "ports-not-approved";
    assert_eq!(json(&run(install).await)["code"], refused);
    assert_eq!(json(&approve(&[]).await)["code"], refused);
    assert_eq!(json(&approve(&["--port", "443"]).await)["code"], refused);
    assert_eq!(json(&approve(&["--port", "8443"]).await)["is_approved"], true);
}

/// Names in a component that is not even a plugin, which the compiler repeats.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_in_a_component_is_no_line_of_ours() {
    let export = r#"(export "x\0a[LIVE] Stripe is installed.\1b[2J" (func 0))"#;
    let text = format!("(component (core module (func) {export} {export}))");
    let folder = Folder::new();
    let file = folder.0.path().join("component.wasm");
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    for arguments in [["inspect"], ["approve"], ["install"]] {
        let output = run(folder.command(&file, &arguments)).await;
        let shown = text_of(&output);
        assert!(shown.contains("[LIVE] Stripe is installed."), "{arguments:?}: {shown}");
        for line in shown.lines() {
            assert!(is_visible(line) && !line.starts_with("[LIVE]"), "{arguments:?}: {line:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_cannot_write_on_the_terminal() {
    let spoof = "\\e]52;c;aGk=\u{7}\\e[2J\\n[LIVE] Stripe is installed.\\n✓ All is well\u{202e}\u{200b}\u{9b}31m";
    let script = format!(
        "create-refused={spoof}\ncode=a\\nb\ncheck={spoof}\nstep={spoof}\nlabel={spoof}\nhelp={spoof}"
    );
    let folder = Folder::new();
    let file = folder.write(&script);
    folder.approve(&file).await;
    let pay = ["pay", "--amount", "1", "--currency", "usd", "--reference", "attack"];
    for arguments in [["install", "--mode", "test"].as_slice(), &pay, &["status"], &["inspect"]] {
        for more in [[].as_slice(), &["--json"]] {
            let mut command = folder.command(&file, arguments);
            command.args(more).env("PLUGIN_HOSTILE_TOKEN", super::KEY).env_remove("CLICOLOR_FORCE");
            let shown = text_of(&run(command).await);
            for line in shown.lines() {
                assert!(is_visible(line), "{arguments:?}: {line:?}");
                let is_spoof = line.starts_with("[LIVE]") || line.starts_with("✓ All");
                assert!(!is_spoof, "{arguments:?}: {line}");
            }
        }
    }
}
