//! One host with several plugins: each has its own installations, and none gets another one's deliveries.

use std::sync::Arc;

use host_test::marketplace::{Options, Providers};
use host_test::plugin::Plugin;
use host_test::server::{DoorLimits, serve};
use serde_json::Value;
use tokio::net::TcpListener;

use super::command_line::{host_test, problem, run};
use super::control::Control;
use super::host::{Host, PAYS, TEST_KEY, compiler, options, plugin, private_folder};
use super::hostile::{self, component};

/// The built-in plugin with its fake provider, and another plugin beside it, behind one door.
struct Two {
    host: Host,
    providers: Providers,
    url: String,
}

impl Two {
    async fn start() -> Self {
        let host = Host::start().await;
        let other = Plugin::load(&component(""), &compiler()).await.unwrap();
        let stands_in = format!("https://api.stripe.com=http://{}", host.fake.address());
        let options = Options {
            overrides: vec![stands_in.parse().unwrap()],
            ..Options::new(host.data.path())
        };
        let providers = Providers::open(plugin().await, vec![other], &options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (door, stop) = (DoorLimits::default(), std::future::pending());
        tokio::spawn(serve(listener, providers.clone(), door, stop));
        Self { host, providers, url }
    }

    /// Posts a delivery. Returns the status and the code of the answer.
    async fn post(&self, query: &str, signature: Option<&str>, body: Vec<u8>) -> (u16, Value) {
        let request = self.host.client.post(format!("{}/link-webhook?{query}", self.url));
        let request = match signature {
            Some(signature) => request.header("stripe-signature", signature),
            None => request,
        };
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn one_host_serves_several_providers() {
    let two = Two::start().await;
    let (stripe, other) =
        (two.providers.of("STRIPE").unwrap(), two.providers.of("HOSTILE").unwrap());
    // In the same workspace.
    let first = stripe.install(options(TEST_KEY)).await.unwrap();
    let second = other.install(hostile::options(true)).await.unwrap();
    let page = two.host.ask("order-1").await;
    other.pay(super::host::request("order-1", 1000)).await.unwrap();
    two.host.pay(&page, PAYS).await;
    let sent = two.host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let query = |url: &str| url.split_once('?').unwrap().1.to_owned();
    let (own, others) = (query(&first.installation_url), query(&second.installation_url));
    // Each installation has its provider, and a delivery that names another one's finds nothing.
    let crossed = own.replace("STRIPE", "HOSTILE");
    for (query, outcome) in [(&own, "duplicate"), (&crossed, "ignored")] {
        let answer = two.post(query, Some(&sent.signature), sent.body.clone()).await;
        assert_eq!((answer.0, &answer.1["verdict"]), (200, &outcome.into()), "{query} {answer:?}");
    }
    assert_eq!(two.post(&others, None, b"event".to_vec()).await.0, 200);
    assert_eq!(two.post("provider=INTI", None, b"{}".to_vec()).await.0, 400);
    // The same reference is one payment for each.
    let payments = async |marketplace: &host_test::marketplace::Marketplace| {
        let (_, all) = marketplace.payments(None, 10).await.unwrap();
        all.iter().filter(|payment| payment.reference == "order-1").count()
    };
    assert_eq!((payments(&stripe).await, payments(&other).await), (1, 1));
}

#[tokio::test]
async fn request_to_the_control_listener_says_which_provider() {
    let two = Two::start().await;
    let other = two.providers.of("HOSTILE").unwrap();
    other.install(hostile::options(true)).await.unwrap();
    let data = two.host.data.path();
    let control = Control::over(two.providers.clone(), data, two.host.client.clone()).await;
    for path in
        ["status", "payments", "transitions", "attention", "component", "review", "workspaces"]
    {
        let asked = async |query: &str| {
            let (status, answer) = control.get(&format!("/api/v1/{path}{query}")).await;
            (status, answer["code"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(asked("").await, (400, "provider-not-chosen".to_owned()), "{path}");
        assert_eq!(asked("?provider=INTI").await, (404, "provider-unknown".to_owned()), "{path}");
        assert_eq!(asked("?provider=HOSTILE").await, (200, String::new()), "{path}");
    }
    // What concerns the whole data folder needs none.
    let (status, answer) = control.get("/readyz").await;
    assert_eq!((status, &answer["ready"]), (200, &true.into()), "{answer}");
    let metrics = control.metrics().await;
    for line in [
        r#"host_test_attention{provider="STRIPE"} 0"#,
        r#"host_test_attention{provider="HOSTILE"} 0"#,
        r#"host_test_limit{name="places"} 64"#,
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn two_plugins_of_one_provider_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let same = Plugin::load(&component("id=STRIPE"), &compiler()).await.unwrap();
    let both = Providers::open(plugin().await, vec![same], &Options::new(data.path()));
    assert_eq!(both.err().unwrap().problem().code, "provider-twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_says_which_provider() {
    let host = Arc::new(Host::start().await);
    host.install(TEST_KEY).await.unwrap();
    let folder = private_folder();
    let file = folder.path().join("other.wasm");
    std::fs::write(&file, component("")).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = host_test(host.data.path(), arguments);
        let origin = format!("https://api.stripe.com=http://{}", host.fake.address());
        command.args(["--json", "--provider-origin", &origin, "--plugin"]).arg(&file);
        command
    };
    let not_chosen = run(command(&["payments"])).await;
    assert_eq!(not_chosen.status.code(), Some(2));
    assert_eq!(problem(&not_chosen)["code"], "provider-not-chosen");
    let payments = run(command(&["payments", "--provider", "STRIPE"])).await;
    assert_eq!(payments.status.code(), Some(0), "{payments:?}");
    let other = run(command(&[
        "pay",
        "--amount",
        "1",
        "--currency",
        "usd",
        "--reference",
        "r",
        "--provider",
        "HOSTILE",
    ]))
    .await;
    assert_eq!(problem(&other)["code"], "not-installed");
    // The whole data folder is meant.
    assert_eq!(run(command(&["prune", "--older-than", "40"])).await.status.code(), Some(0));
}

#[tokio::test]
async fn installed_provider_without_a_plugin_is_seen() {
    let two = Two::start().await;
    let other = two.providers.of("HOSTILE").unwrap();
    other.install(hostile::options(true)).await.unwrap();
    // The next start leaves the other plugin out.
    let alone = Providers::open(plugin().await, Vec::new(), &Options::new(two.host.data.path()));
    let alone = alone.unwrap();
    let data = two.host.data.path();
    let control = Control::over(alone.clone(), data, two.host.client.clone()).await;
    let (status, answer) = control.get("/readyz").await;
    assert_eq!((status, &answer["problems"][0]["code"]), (503, &"provider-unserved".into()));
    assert!(answer["problems"][0]["message"].as_str().unwrap().starts_with("HOSTILE"), "{answer}");
    // Its deliveries are not lost.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, alone, DoorLimits::default(), std::future::pending()));
    for (provider, expected) in [("HOSTILE", 503), ("INTI", 400)] {
        let delivery = format!("{url}/link-webhook?provider={provider}");
        let response = two.host.client.post(delivery).body("{}").send().await.unwrap();
        assert_eq!(response.status(), expected, "{provider}");
    }
}
