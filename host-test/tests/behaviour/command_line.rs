//! The binary, as its user runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::host::{Host, TEST_KEY, private_folder};

pub fn host_test(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-test"));
    command.args(arguments).arg("--data-dir").arg(data).env_remove("STRIPE_API_KEY");
    command.stdin(Stdio::null());
    command
}

/// Runs it off the runtime, which serves the fake Stripe meanwhile.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The binary as a server. It is killed when it is dropped.
pub struct Served {
    pub process: Child,
    /// What it has printed.
    pub line: Value,
}

pub async fn served(host: &Host, log: Stdio) -> Served {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--json", "--log", "json"];
    started(host, host_test(host.data.path(), &serve), log).await
}

/// The binary as a server, and the URL of its public door.
pub async fn serving(host: &Host, log: Stdio) -> (Child, String) {
    public(served(host, log).await)
}

/// As `serving`, with a command that serves.
pub async fn listening(host: &Host, command: Command, log: Stdio) -> (Child, String) {
    public(started(host, command, log).await)
}

fn public(served: Served) -> (Child, String) {
    let url = served.line["listening"].as_str().unwrap();
    let (url, _) = url.split_once("/link-webhook").unwrap();
    (served.process, url.to_owned())
}

async fn started(host: &Host, command: Command, log: Stdio) -> Served {
    let mut command = tokio::process::Command::from(command);
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    command.args(["--provider-origin", &origin]).stdout(Stdio::piped()).stderr(log);
    let mut process = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    Served { process, line }
}

/// The problem that a command printed, after its log.
pub fn problem(output: &Output) -> Value {
    let text = str::from_utf8(&output.stderr).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_succeeds() {
    let data = tempfile::tempdir().unwrap();
    let output = run(host_test(data.path(), &["demo"])).await;
    let story = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{story}");
    let steps = [
        "Publishable key",
        "Installed in test mode",
        "4242 4242 4242 4242",
        "Approved (final)",
        "4000 0000 0000 0002",
        "Rejected",
        "4000 0025 0000 3155",
        "requires an action",
        "Uninstalled",
        "Installed in live mode",
        "200, ignored",
        "In numbers",
    ];
    let mut rest = story.as_str();
    for step in steps {
        let Some((_, after)) = rest.split_once(step) else { panic!("{step} is missing: {story}") };
        rest = after;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchant_installs_pays_and_uninstalls() {
    let host = Host::start().await;
    let data = tempfile::tempdir().unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let command = |arguments: &[&str]| {
        let mut command = host_test(data.path(), arguments);
        command.args(["--json", "--provider-origin", &origin]);
        command
    };
    // The key comes on standard input, or from the environment.
    let mut install = command(&["install"]);
    let output = tokio::task::spawn_blocking(move || {
        let mut child = install
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!(" {TEST_KEY}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let connection: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (connection["mode"].as_str(), connection["rotation"].as_bool()),
        (Some("test"), Some(false))
    );
    let mut rotate = command(&["install"]);
    rotate.env("STRIPE_API_KEY", "sk_test_51AnotherAnother");
    let output = run(rotate).await;
    let connection: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(connection["rotation"], true);

    let output = run(command(&["status"])).await;
    assert_eq!(output.status.code(), Some(0));
    let ask = ["pay", "--amount", "10.50", "--currency", "usd", "--reference", "order-1"];
    let output = run(command(&ask)).await;
    let paid: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(paid["checkout_url"].as_str().unwrap().contains("/c/pay/cs_test_"));
    assert_eq!(paid["known"]["amount"], 1050);
    let output = run(command(&["payment", "order-1"])).await;
    let payment: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(payment["known"]["status"], "pending");
    assert_eq!(run(command(&["uninstall"])).await.status.code(), Some(0));
    let output = run(command(&["status"])).await;
    assert_eq!(
        (output.status.code(), problem(&output)["code"].as_str()),
        (Some(1), Some("not-installed"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_as_argument_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let output = run(host_test(data.path(), &["install", TEST_KEY])).await;
    assert_eq!(output.status.code(), Some(2));
    let printed = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8(printed.clone()).unwrap().contains("credential-on-command-line"));
    assert!(!String::from_utf8(printed).unwrap().contains(TEST_KEY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_data_folder_is_explained() {
    let code = async |mut command: Command| {
        command.arg("--json");
        let output = run(command).await;
        let problem = problem(&output);
        assert!(problem["message"].as_str().unwrap().ends_with('.'));
        assert!(!problem["remedy"].as_array().unwrap().is_empty());
        (output.status.code().unwrap(), problem["code"].as_str().unwrap().to_owned())
    };
    let data = private_folder();
    let ledger = data.path().join("ledger.sqlite");
    std::fs::write(&ledger, "this is no ledger").unwrap();
    let corrupt = code(host_test(data.path(), &["status"])).await;
    assert_eq!(corrupt, (4, "ledger-corrupt".to_owned()));
    assert_eq!(std::fs::read(&ledger).unwrap(), b"this is no ledger");

    let data = private_folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "fake-stripe"] {
        let in_use = code(host_test(data.path(), &[command, "--listen", &address])).await;
        assert_eq!(in_use, (4, "port-in-use".to_owned()));
    }
    let missing = code(host_test(data.path(), &["inspect", "no-such-file.wasm"])).await;
    assert_eq!(missing, (4, "component-unreadable".to_owned()));
    let amount = ["pay", "--amount", "10.505", "--currency", "usd", "--reference", "r"];
    assert_eq!(code(host_test(data.path(), &amount)).await, (2, "amount-invalid".to_owned()));
    let currency = ["pay", "--amount", "10", "--currency", "usdt", "--reference", "r"];
    assert_eq!(code(host_test(data.path(), &currency)).await, (2, "currency-invalid".to_owned()));
    let file = data.path().join("no-such-folder/stripe.wasm");
    let write = ["component", "--output", file.to_str().unwrap()];
    assert_eq!(code(host_test(data.path(), &write)).await, (2, "file-not-written".to_owned()));
    std::fs::write(data.path().join("vault.key"), "short").unwrap();
    let locked = code(host_test(data.path(), &["status"])).await;
    assert_eq!(locked, (4, "vault-locked".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn written_component_is_the_built_in_one() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("stripe.wasm");
    let file = file.to_str().unwrap();
    let output = run(host_test(data.path(), &["component", "--output", file, "--json"])).await;
    let written: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(std::fs::read(file).unwrap(), host_test::bundled::COMPONENT);
    assert_eq!(written["size_bytes"], host_test::bundled::COMPONENT.len());
    let output = run(host_test(data.path(), &["inspect", file, "--json"])).await;
    let inspected: Value = serde_json::from_slice(&output.stdout).unwrap();
    let callable = serde_json::json!(["brain-studio:payments/http@0.3.0#send"]);
    assert_eq!(inspected["callable_imports"], callable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_component_needs_approval() {
    let host = Host::start().await;
    let data = private_folder();
    // The same code with one more custom section is another component.
    let component = data.path().join("another.wasm");
    let bytes = [host_test::bundled::COMPONENT, &[0, 2, 1, b'x']].concat();
    std::fs::write(&component, bytes).unwrap();
    let component = component.to_str().unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let install = |more: &[&str]| {
        let mut command = host_test(data.path(), &["install", "--json", "--component", component]);
        command
            .args(["--provider-origin", &origin])
            .args(more)
            .env("PLUGIN_STRIPE_API_KEY", TEST_KEY);
        command
    };
    let output = run(install(&[])).await;
    assert_eq!(problem(&output)["code"], "component-not-approved");
    assert!(host.fake.requests().is_empty());
    assert_eq!(run(install(&["--approve-origins"])).await.status.code(), Some(0));
    assert_eq!(run(install(&[])).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_delivery_is_verified_without_a_network() {
    let data = tempfile::tempdir().unwrap();
    let body = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json"
    );
    let bytes = std::fs::read(body).unwrap();
    let header = fake_provider::signature("any secret", false, &bytes, 1000);
    let verify = async |signature: Option<&str>, secrets: Option<&str>| {
        let mut command =
            host_test(data.path(), &["webhook", "verify", body, "--received-at", "1000"]);
        if let Some(signature) = signature {
            command.args(["--signature", signature]);
        }
        if let Some(secrets) = secrets {
            command.env("WEBHOOK_SECRETS", secrets);
        }
        let output = run(command).await;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), answer)
    };
    let (status, answer) = verify(Some(&header), Some("old,any secret")).await;
    assert_eq!((status, &answer["outcome"]), (0, &"payment".into()));
    assert_eq!(answer["payment"]["amount"], 2000);
    assert_eq!(answer["payment"]["status"], "approved");
    assert_eq!(answer["payment"]["provider_status"], "succeeded");
    for (signature, secrets, code) in [
        (None, "any secret", "signature-missing"),
        (Some(header.as_str()), "any secret ", "signature-mismatch"),
        (Some(header.as_str()), "", "secret-blank"),
        (Some("-t"), "any secret", "signature-malformed"),
    ] {
        let (status, answer) = verify(signature, Some(secrets)).await;
        assert_eq!((status, &answer["verdict"]), (1, &"refused".into()));
        assert_eq!(answer["code"], code);
    }
    assert_eq!(verify(Some(&header), None).await.0, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_mode_is_on_every_screen() {
    let host = Host::start().await;
    let data = tempfile::tempdir().unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let screen = async |arguments: &[&str], has_colours: bool| {
        let mut command = host_test(data.path(), arguments);
        command.args(["--provider-origin", &origin]).env("STRIPE_API_KEY", TEST_KEY);
        if has_colours {
            command.env("CLICOLOR_FORCE", "1");
        }
        let output = run(command).await;
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let pay = ["pay", "--amount", "10.50", "--currency", "usd", "--reference", "order-1"];
    let screens: [&[&str]; 6] =
        [&["install"], &["status"], &["repair"], &pay, &["payment", "order-1"], &["uninstall"]];
    for arguments in screens {
        let text = screen(arguments, false).await;
        assert!(text.starts_with("[TEST] "), "{arguments:?}: {text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    screen(&["install"], false).await;
    let painted = screen(&["status"], true).await;
    assert!(painted.contains('\u{1b}') && painted.contains("✓"), "{painted}");
    // Where something is wrong: a cross, and what to do.
    host.delete_webhooks().await;
    let status = screen(&["status"], false).await;
    assert!(status.contains("✗ The webhook does not exist"), "{status}");
    assert!(status.contains("→ Run a repair"), "{status}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watched_status_repeats() {
    use std::io::{BufRead as _, BufReader};

    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let mut command = host_test(host.data.path(), &["status", "--watch=1", "--json"]);
    command.args(["--provider-origin", &origin]).stdout(Stdio::piped());
    let (verdicts, status) = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let verdicts: Vec<Value> = lines
            .take(2)
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["checks"].take())
            .collect();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        (verdicts, child.wait().unwrap())
    })
    .await
    .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(verdicts.iter().all(|checks| checks[0]["verdict"] == "pass"), "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forced_uninstall_prints_what_is_left() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let [webhook] = host.fake.endpoint_ids(false).try_into().unwrap();
    host.fake.set_fault(Some(fake_provider::FaultKind::Broken.into()));
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    let uninstall = |more: &[&str]| {
        let mut command = host_test(host.data.path(), &["uninstall"]);
        command.args(["--provider-origin", &origin]).args(more);
        command
    };
    let refused = run(uninstall(&[])).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--force"));
    let forced = run(uninstall(&["--force"])).await;
    assert_eq!(forced.status.code(), Some(0));
    let text = String::from_utf8(forced.stdout).unwrap();
    assert!(text.contains(&webhook) && text.contains("Delete it by hand"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_host_loses_no_delivery() {
    let data = tempfile::tempdir().unwrap();
    let soak = ["soak", "--kills", "5", "--deliveries", "80", "--json"];
    let output = run(host_test(data.path(), &soak)).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&figures["kills"], &figures["acknowledged"]), (&5.into(), &figures["deliveries"]));
    // Two workspaces: 7 orders that are paid, 3 payments that are refunded, 3 whose earlier page is paid as
    // well, 20 whose deliveries are lost, and 2 that are disputed, in each.
    assert_eq!((&figures["approved"], &figures["refunds"]), (&70.into(), &6.into()));
    assert_eq!(figures["paid_late"], 6);
    assert_eq!((&figures["misfits"], &figures["disputes"]), (&8.into(), &4.into()));
}
