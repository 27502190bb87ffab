//! Every text that a person reads on the command line, kept as snapshots: a changed message is seen
//! as a change.
//!
//! After an intended change: `INSTA_UPDATE=always cargo test -p host-test --test behaviour messages`, and
//! read the difference.

use std::fmt::Write as _;
use std::process::Stdio;

use reqwest::Method;
use serde_json::Value;

use super::command_line::{host_test, run};
use super::control::{self, Control};
use super::host::{Host, IS_DECLINED, LIVE_KEY, PAYS, TEST_KEY};

/// Ids, times and ports differ from run to run.
const FILTERS: [(&str, &str); 9] = [
    (r"\b[0-9a-f]{64}\b", "SHA256"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\b(cs|pi|re|evt|ch|we|du)_(test_|live_)?[A-Za-z0-9]{6,}", "${1}_${2}ID"),
    (r"installation=[0-9a-f]{32}", "installation=ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"(came|refused) (just now|\d+s ago|\d+m ago)", "$1 AGO"),
    (r"in \d+\.\d seconds", "in N seconds"),
    (r"\d+ deliveries verified", "N deliveries verified"),
    (r"in \d+ files on disk", "in N files on disk"),
];

/// What a command printed, as a person sees it.
async fn screen(host: &Host, arguments: &[&str], key: Option<&str>) -> String {
    let mut command = host_test(host.data.path(), arguments);
    let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
    command.args(["--provider-origin", &origin]).stdin(Stdio::null());
    if let Some(key) = key {
        command.env("STRIPE_API_KEY", key);
    }
    let output = run(command).await;
    let shown: Vec<String> = arguments.iter().map(|word| word.replace(TEST_KEY, "KEY")).collect();
    format!(
        "$ host-test {}\n{}{}(exit code {})\n\n",
        shown.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status.code().unwrap()
    )
}

fn assert_unchanged(name: &str, text: &str) {
    insta::with_settings!({ filters => FILTERS, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

/// Every command, with those below it.
fn commands(of: &clap::Command) -> Vec<String> {
    let shown = of.get_subcommands().filter(|command| command.get_name() != "help");
    let with_those_below = |command: &clap::Command| {
        let below = commands(command).into_iter();
        let name = command.get_name().to_owned();
        let below = below.map(|below| format!("{name} {below}")).collect::<Vec<_>>();
        [vec![name], below].concat()
    };
    shown.flat_map(with_those_below).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_of_every_command_is_unchanged() {
    let data = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let mut show = async |words: &[&str], shown: fn(&str) -> &str| {
        let mut command = host_test(data.path(), words);
        command.env_remove("HOST_TEST_DATA_DIR").env_remove("COLUMNS");
        let output = run(command).await;
        let help = [output.stdout, output.stderr].concat();
        let help = String::from_utf8_lossy(&help);
        let words: Vec<_> = words.iter().copied().filter(|word| *word != "--help").collect();
        let _ = writeln!(text, "$ host-test {}\n{}", words.join(" "), shown(&help));
    };
    show(&["--help"], |help| help).await;
    // The options of every command are read once.
    let own: fn(&str) -> &str = |help| help.split("For every command:").next().unwrap_or_default();
    let commands = commands(&host_test::cli::command());
    assert!(commands.len() > 30, "{commands:?}");
    for path in commands {
        let mut words: Vec<&str> = path.split(' ').collect();
        words.push("--help");
        show(&words, own).await;
    }
    let refused: [&[&str]; 3] = [
        &["no-such-command"],
        &["pay", "--amount", "1"],
        &["install", "--provider-origin", "https://api.stripe.com=http://example.com"],
    ];
    for words in refused {
        show(words, own).await;
    }
    assert_unchanged("help", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_of_a_connection_are_unchanged() {
    let host = Host::start().await;
    let mut text = String::new();
    for (arguments, key) in [
        (["status"].as_slice(), None),
        (&["repair"], None),
        (&["uninstall"], None),
        (&["install"], Some("")),
        (&["install"], Some("pk_test_51TestTestTestTest")),
        (&["install", TEST_KEY], None),
        (&["install"], Some(TEST_KEY)),
        (&["install"], Some(LIVE_KEY)),
        (&["install", "--webhook", "manual"], Some(TEST_KEY)),
        (&["status"], None),
        (&["approve"], None),
        (&["approve", "--sha256", "00"], None),
        (&["approve", "--page-origin", "https://pay.example.com/"], None),
        (&["approve", "--page-origin", "https://pay.example.com"], None),
        (&["repair"], None),
        (&["install"], Some("sk_test_51AnotherAnother")),
    ] {
        text.push_str(&screen(&host, arguments, key).await);
    }
    host.delete_webhooks().await;
    for arguments in [["status"], ["repair"], ["uninstall"], ["uninstall"]] {
        text.push_str(&screen(&host, &arguments, None).await);
    }
    let by_hand = ["install", "--webhook", "manual"];
    text.push_str(&screen(&host, &by_hand, Some(TEST_KEY)).await);
    text.push_str(&screen(&host, &["uninstall"], None).await);
    assert_unchanged("connection", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_of_payments_are_unchanged() {
    let host = Host::start().await;
    let mut text = screen(&host, &["payments"], None).await;
    host.install(TEST_KEY).await.unwrap();
    let mut show = async |arguments: &[&str]| {
        text.push_str(&screen(&host, arguments, None).await);
    };
    let pay = |reference, amount| {
        ["pay", "--currency", "usd", "--reference", reference, "--amount", amount]
    };
    show(&["payments"]).await;
    show(&pay("order-1", "10.505")).await;
    show(&["pay", "--currency", "xxx", "--reference", "r", "--amount", "1"]).await;
    show(&pay("order-1", "0.10")).await;
    show(&pay("order-1", "10.50")).await;
    host.pay(&host.ask("order-1").await, PAYS).await;
    show(&pay("order-1", "10.50")).await;
    show(&pay("order-1", "20.00")).await;
    show(&["payment", "order-1"]).await;
    show(&["cancel", "order-1"]).await;
    show(&["complete", "order-1"]).await;
    show(&["refund", "order-1", "--reference", "r-1", "--amount", "5"]).await;
    show(&["refund", "order-1", "--reference", "r-2", "--amount", "50"]).await;
    show(&["refund", "order-1", "--reference", "r-3", "--amount", "five"]).await;
    host.pay(&host.ask("order-2").await, IS_DECLINED).await;
    show(&["payment", "order-2"]).await;
    show(&["cancel", "order-2"]).await;
    show(&[&pay("order-3", "30")[..], &["--manual-capture", "--wait", "0"]].concat()).await;
    show(&["payments"]).await;
    show(&["flow", "order-1"]).await;
    show(&["flow", "order-2"]).await;
    show(&["transitions"]).await;
    show(&["transitions", "--acknowledge", "99"]).await;
    show(&["reconcile"]).await;
    show(&["payment", "no-such-order"]).await;
    assert_unchanged("payments", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_of_attention_are_unchanged() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let mut text = screen(&host, &["attention"], None).await;
    host.pay(&host.ask("order-1").await, "short").await;
    host.pay(&host.ask("order-2").await, "euro").await;
    host.pay(&host.ask("order-3").await, "4000 0000 0000 0259").await;
    let mut show = async |arguments: &[&str]| {
        text.push_str(&screen(&host, arguments, None).await);
    };
    show(&["cancel", "order-1"]).await;
    show(&["pay", "--currency", "usd", "--reference", "order-1", "--amount", "10.50"]).await;
    show(&["reconcile"]).await;
    show(&["attention"]).await;
    show(&["attention", "accept", "1"]).await;
    show(&["attention", "accept", "3"]).await;
    show(&["attention", "resolve", "9", "--note", "done"]).await;
    show(&["refund", "order-2", "--reference", "back"]).await;
    show(&["attention", "resolve", "3", "--note", " "]).await;
    show(&["attention", "resolve", "3", "--note", "answered"]).await;
    show(&["attention", "--closed"]).await;
    show(&["attention"]).await;
    show(&["transitions"]).await;
    show(&["ledger", "restored"]).await;
    show(&["pay", "--currency", "usd", "--reference", "order-4", "--amount", "5"]).await;
    show(&["attention"]).await;
    show(&["reconcile"]).await;
    show(&["attention"]).await;
    assert_unchanged("attention", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_deliveries_are_unchanged() {
    let host = Host::start().await;
    let connection = host.install(TEST_KEY).await.unwrap();
    let shared = "/link-webhook?provider=STRIPE";
    let mut text = String::new();
    let mut deliver = async |what: &str, url: &str, signature: Option<&str>, body: Vec<u8>| {
        let (status, answer) = host.post(url, signature, body).await;
        let _ = writeln!(text, "{what}: {status} {answer}");
    };
    let own = connection.installation_url.clone();
    deliver("no provider", "/link-webhook", None, b"{}".to_vec()).await;
    deliver("another provider", "/link-webhook?provider=OTHER", None, b"{}".to_vec()).await;
    deliver("too large", shared, None, vec![b' '; (1 << 20) + 1]).await;
    deliver("names nothing", shared, None, b"{}".to_vec()).await;
    let unknown = format!("{shared}&installation=none");
    deliver("unknown installation", &unknown, None, b"{}".to_vec()).await;
    deliver("no signature", &own, None, b"{}".to_vec()).await;
    deliver("malformed signature", &own, Some("t=1"), b"{}".to_vec()).await;
    host.marketplace.uninstall(false).await.unwrap();
    deliver("removed installation", &own, None, b"{}".to_vec()).await;
    assert_unchanged("deliveries", &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_is_unchanged() {
    let data = tempfile::tempdir().unwrap();
    let output = run(host_test(data.path(), &["demo"])).await;
    assert_unchanged("demo", &String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_the_control_listener_are_unchanged() {
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let control = Control::start(&host).await;
    let mut text = String::new();
    let mut show = |what: &str, (status, answer): (u16, Value)| {
        let problem = serde_json::to_string_pretty(&answer).unwrap();
        let _ = writeln!(text, "{what}: {status} {problem}");
    };
    let wrong = host.client.get(&control.url).bearer_auth("wrong");
    show("another token", control::answer(wrong).await);
    let other = control.request(Method::GET, "/healthz").header("host", "evil.example");
    show("another host", control::answer(other).await);
    show("no route", control.get("/no-such").await);
    show("another method", control.get("/api/v1/repair").await);
    show("another query", control.get("/api/v1/payments?limit=many").await);
    let too_large = "x".repeat((64 << 10) + 1);
    for (path, body) in [
        ("install", "{"),
        ("install", r#"{"credentials": {"no-such": "x"}}"#),
        ("payments", "{}"),
        ("payments", &too_large),
        ("approve", "{}"),
        ("prune", r#"{"older_than": 1}"#),
        ("attention/1/resolve", r#"{"note": ""}"#),
        ("attention/x/accept", ""),
        ("repair?workspace=shop", ""),
    ] {
        show(path, control.post(&format!("/api/v1/{path}"), body).await);
    }
    let order = r#"{"amount": "ten", "currency": "usd", "reference": "r", "success_url": "https://x.example"}"#;
    show("no amount", control.post("/api/v1/payments", order).await);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--control", "0.0.0.0:8788"];
    text.push_str(&screen(&host, &serve, None).await);
    std::fs::write(host.data.path().join("control.token"), "short").unwrap();
    text.push_str(&screen(&host, &["serve", "--listen", "127.0.0.1:0"], None).await);
    assert_unchanged("control", &text.replace(host.data.path().to_str().unwrap(), "DATA"));
}
