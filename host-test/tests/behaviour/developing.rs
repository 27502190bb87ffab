//! What is easier while a plugin is developed, and what is not.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use host_test::contract::types::Mode;
use host_test::egress::client;
use host_test::marketplace::{InstallOptions, Marketplace, Options};
use host_test::plugin::Plugin;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use super::command_line::{host_test, problem, run};
use super::control::token_in;
use super::host::{Host, PAYS, TEST_KEY, compiler, plugin, private_folder, request};
use super::hostile::{self, component};

async fn open(data: &Path, script: &str, is_development: bool) -> Marketplace {
    let plugin = Plugin::load(&component(script), &compiler()).await.unwrap();
    let options = Options { is_development, ..Options::new(data) };
    Marketplace::open(plugin, &options).unwrap()
}

fn in_mode(mode: Mode) -> InstallOptions {
    InstallOptions { mode: Some(mode), ..hostile::options(false) }
}

async fn code_of_pay(marketplace: &Marketplace, reference: &str) -> String {
    let paid = marketplace.pay(request(reference, 1000)).await;
    paid.err().map(|error| error.problem().code).unwrap_or_default()
}

/// Opens it for development, and carries over what there is. Returns also how many installations it was given.
async fn rebuilt(data: &Path, script: &str) -> (Marketplace, usize) {
    let marketplace = open(data, script, true).await;
    let carried = marketplace.carry_over().await.unwrap();
    (marketplace, carried.moved)
}

#[tokio::test]
async fn rebuilt_component_goes_on_in_test_mode() {
    let data = private_folder();
    let before = open(data.path(), "word=one", false).await;
    before.install(hostile::options(true)).await.unwrap();
    assert_eq!(code_of_pay(&before, "r1").await, "");
    // Without `--dev` it is another component.
    let refused = open(data.path(), "word=two", false).await;
    refused.carry_over().await.unwrap();
    assert_eq!(code_of_pay(&refused, "r2").await, "component-differs");
    // It asks for more, or reads credentials in another way.
    for otherwise in ["origin=https://api.more.example", "pattern=^live-"] {
        let (other, moved) = rebuilt(data.path(), &format!("word=two\n{otherwise}")).await;
        assert_eq!(moved, 0, "{otherwise}");
        assert_eq!(code_of_pay(&other, "r2").await, "component-differs", "{otherwise}");
    }
    let (two, moved) = rebuilt(data.path(), "word=two").await;
    assert_eq!((moved, code_of_pay(&two, "r2").await.as_str()), (1, ""));
    assert_eq!(rebuilt(data.path(), "word=two").await.1, 0);
    // What was not approved by a person is no approval elsewhere.
    let elsewhere = open(data.path(), "word=two", false).await;
    assert_eq!(code_of_pay(&elsewhere, "r3").await, "component-not-approved");
    // The change is undone.
    let (one, moved) = rebuilt(data.path(), "word=one").await;
    assert_eq!((moved, code_of_pay(&one, "r3").await.as_str()), (1, ""));
}

#[tokio::test]
async fn rebuilt_component_never_goes_on_in_live_mode() {
    let data = private_folder();
    let before = open(data.path(), "word=one", true).await;
    before.approve(host_test::marketplace::TakeOver::All, &[]).await.unwrap();
    before.install(in_mode(Mode::Live)).await.unwrap();
    let (rebuilt, moved) = rebuilt(data.path(), "word=two").await;
    assert_eq!(moved, 0);
    assert_eq!(code_of_pay(&rebuilt, "r1").await, "component-differs");
    assert_eq!(code_of_pay(&before, "r1").await, "");
    // Nor does it begin there.
    let other = rebuilt.in_new_workspace("other").await.unwrap();
    let code =
        async |mode| other.install(in_mode(mode)).await.err().map(|error| error.problem().code);
    assert_eq!(code(Mode::Live).await.as_deref(), Some("component-not-approved"));
    assert_eq!(code(Mode::Test).await, None);
}

#[tokio::test]
async fn component_that_nobody_has_read_is_no_rebuild() {
    // The built-in one is installed without an approval, and asks for the same.
    let host = Host::start().await;
    host.install(TEST_KEY).await.unwrap();
    let same = [host_test::bundled::COMPONENT, &[0, 2, 1, b'x']].concat();
    let plugin = Plugin::load(&same, &compiler()).await.unwrap();
    let options = Options { is_development: true, ..Options::new(host.data.path()) };
    let marketplace = Marketplace::open(plugin, &options).unwrap();
    assert_eq!(marketplace.carry_over().await.unwrap(), ledger::CarriedOver::default());
    assert_eq!(code_of_pay(&marketplace, "r1").await, "component-differs");
}

/// What a provider that does not sign may send with each delivery.
const TOKEN: &str = "token-of-the-webhooks-sender";

#[tokio::test]
async fn live_and_large_deliveries_are_not_kept() {
    let data = private_folder();
    let deliver = async |marketplace: &Marketplace, query: &str, body: Vec<u8>| {
        let target = host_test::marketplace::DeliveryTarget::parse(query);
        let request = host_test::contract::types::WebhookRequest {
            headers: vec![("x-webhook-token".to_owned(), TOKEN.to_owned())],
            query: query.to_owned(),
            body,
        };
        let sender = host_test::sender::Sender::default();
        marketplace.deliver(1_900_000_000, &target, sender, request).await;
        marketplace.kept_deliveries(10).await.unwrap().len()
    };
    let test = open(data.path(), "", true).await;
    test.approve(host_test::marketplace::TakeOver::All, &[]).await.unwrap();
    let live = test.in_new_workspace("live").await.unwrap();
    let query = async |marketplace: &Marketplace, mode| {
        let connection = marketplace.install(in_mode(mode)).await.unwrap();
        connection.installation_url.split_once('?').unwrap().1.to_owned()
    };
    let (of_live, of_test) = (query(&live, Mode::Live).await, query(&test, Mode::Test).await);
    assert_eq!(deliver(&live, &of_live, b"order-1.a".to_vec()).await, 0);
    assert_eq!(deliver(&test, &of_test, vec![b'x'; 65 << 10]).await, 0);
    assert_eq!(deliver(&test, &of_test, b"order-1.a".to_vec()).await, 1);
    // What was kept is sealed, and ends with its installation.
    let files = ["ledger.sqlite", "ledger.sqlite-wal"].map(|file| data.path().join(file));
    let bytes = files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default());
    let bytes: Vec<u8> = bytes.collect();
    assert!(memchr::memmem::find(&bytes, b"kept_deliveries").is_some());
    assert!(memchr::memmem::find(&bytes, TOKEN.as_bytes()).is_none());
    test.uninstall(false).await.unwrap();
    assert!(test.kept_deliveries(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn kept_delivery_is_processed_again() {
    let host = Host::start().await;
    let stands_in = format!("https://api.stripe.com=http://{}", host.fake.address());
    let overrides = vec![stands_in.parse().unwrap()];
    let options_of = |is_development| Options {
        overrides: overrides.clone(),
        is_development,
        ..Options::new(host.data.path())
    };
    let keeps = Marketplace::open(plugin().await, &options_of(true)).unwrap();
    let connection = host.install(TEST_KEY).await.unwrap();
    let page = host.ask("order-1").await;
    host.pay(&page, PAYS).await;
    // The host without `--dev` has kept nothing.
    assert!(keeps.kept_deliveries(10).await.unwrap().is_empty());
    let sent = host.fake.unsent_delivery(false, "payment_intent.succeeded").unwrap();
    let query = connection.installation_url.split_once('?').unwrap().1;
    let deliver = async |marketplace: &Marketplace, signature: &str| {
        let headers = vec![("stripe-signature".to_owned(), signature.to_owned())];
        let request = host_test::contract::types::WebhookRequest {
            headers,
            query: query.to_owned(),
            body: sent.body.clone(),
        };
        let target = host_test::marketplace::DeliveryTarget::parse(query);
        let sender = host_test::sender::Sender::default();
        marketplace.deliver(marketplace.now(), &target, sender, request).await.as_str()
    };
    assert_eq!(deliver(&keeps, &sent.signature).await, "duplicate");
    assert_eq!(deliver(&keeps, "t=1,v1=00").await, "refused");
    let kept = keeps.kept_deliveries(10).await.unwrap();
    let [(refused, _), (_, genuine)] = kept.as_slice() else { panic!("{kept:?}") };
    let event = genuine.event.clone().unwrap();
    // By the event, also much later, and by the number.
    let later = host_test::clock::Clock::simulated(keeps.now() + 900_000);
    let later = Options { clock: later, ..options_of(false) };
    let later = Marketplace::open(plugin().await, &later).unwrap();
    let replayed = later.replay(&event).await.unwrap();
    assert_eq!((replayed.outcome.as_str(), &replayed.delivery), ("duplicate", genuine));
    // What the plugin makes of it now is said too.
    assert!(matches!(replayed.said, Some(Ok(_))), "{:?}", replayed.said);
    assert_eq!(later.replay(&refused.to_string()).await.unwrap().outcome.as_str(), "refused");
    let unknown = later.replay("evt_unknown").await.err().unwrap();
    assert_eq!(unknown.problem().code, "delivery-not-kept");
    // Nothing is kept twice by that.
    assert_eq!(keeps.kept_deliveries(10).await.unwrap().len(), 2);
}

/// A host that watches a component's file.
struct Watching {
    folder: tempfile::TempDir,
    _process: Child,
    log: Lines<BufReader<ChildStderr>>,
    control: String,
}

impl Watching {
    fn file(folder: &Path) -> PathBuf {
        folder.join("plugin.wasm")
    }

    /// With a component that is approved and installed.
    async fn start(script: &str) -> Self {
        let folder = private_folder();
        let (file, data) = (Self::file(folder.path()), folder.path().join("data"));
        std::fs::write(&file, component(script)).unwrap();
        open(&data, script, false).await.install(hostile::options(true)).await.unwrap();
        let serve =
            ["serve", "--listen", "127.0.0.1:0", "--json", "--log", "json", "--watch", "--dev"];
        let mut command = tokio::process::Command::from(host_test(&data, &serve));
        command.arg("--component").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        let control = listening["control"].as_str().unwrap().to_owned();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { folder, _process: process, log, control }
    }

    fn write(&self, bytes: &[u8]) {
        // As a compiler does: another file takes its place.
        let next = self.folder.path().join("next.wasm");
        std::fs::write(&next, bytes).unwrap();
        std::fs::rename(next, Self::file(self.folder.path())).unwrap();
    }

    /// Reads the log up to a line with this text.
    async fn logged(&mut self, text: &str) -> String {
        loop {
            let line = self.log.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("no line has {text}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The SHA-256 of the component that serves.
    async fn serving(&self) -> String {
        let token = token_in(&self.folder.path().join("data"));
        let url = format!("{}/api/v1/component", self.control);
        let response = client().unwrap().get(url).bearer_auth(token).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer["sha256"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_component_serves_the_next_call() {
    let mut watching = Watching::start("word=one").await;
    let sha256 = |script: &str| host_test::plugin::sha256(&component(script));
    assert_eq!(watching.serving().await, sha256("word=one"));
    watching.write(&component("word=two"));
    watching.logged("the component was replaced").await;
    assert_eq!(watching.serving().await, sha256("word=two"));
    // A broken one, and one that asks for more: the one before stays.
    watching.write(b"no component");
    let line = watching.logged("the one before stays").await;
    assert!(line.contains("component-invalid"), "{line}");
    assert_eq!(watching.serving().await, sha256("word=two"));
    let more = "word=three\norigin=https://api.more.example";
    watching.write(&component(more));
    let line = watching.logged("the one before stays").await;
    assert!(line.contains("component-not-approved"), "{line}");
    assert_eq!(watching.serving().await, sha256("word=two"));
    // As soon as an operator has approved it, it serves.
    let data = watching.folder.path().join("data");
    open(&data, more, false)
        .await
        .approve(host_test::marketplace::TakeOver::All, &[])
        .await
        .unwrap();
    watching.logged("the component was replaced").await;
    assert_eq!(watching.serving().await, sha256(more));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_needs_a_file() {
    let folder = private_folder();
    let output = run(host_test(folder.path(), &["serve", "--watch", "--json"])).await;
    assert_eq!(
        (output.status.code(), &problem(&output)["code"]),
        (Some(2), &"nothing-to-watch".into())
    );
}
