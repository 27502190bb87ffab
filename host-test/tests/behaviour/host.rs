//! The parts of a test: a fake Stripe, a marketplace over a data folder of its own, and its door.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fake_provider::FakeStripe;
use host_test::bundled;
use host_test::clock::Clock;
use host_test::contract::types::{CaptureMethod, Money};
use host_test::egress::{Clients, Credentials, Gateway, Policy, RequestLimits, client, redirect};
use host_test::marketplace::{
    Connection, Error, InstallOptions, Marketplace, Options, PaymentOrder,
};
use host_test::plugin::{Compiler, Plugin};
use host_test::server::{DoorLimits, serve};
use host_test::telemetry::Telemetry;
use ledger::Told;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use url::Url;

pub const TEST_KEY: &str = "sk_test_51TestTestTestTest";
pub const LIVE_KEY: &str = "sk_live_51LiveLiveLiveLive";

pub const PAYS: &str = "4242 4242 4242 4242";
pub const IS_DECLINED: &str = "4000 0000 0000 0002";

pub struct Host {
    pub data: TempDir,
    pub fake: FakeStripe,
    pub marketplace: Arc<Marketplace>,
    /// The public door.
    pub url: String,
    pub client: reqwest::Client,
}

impl Host {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let origins = ["https://chat-payments.jelou.dev", "https://chat-payments.jelou.ai"]
            .map(|origin| format!("{origin}={url}").parse().unwrap());
        let fake_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deliver_to = Box::new(move |url: &Url| redirect(url, &origins));
        let fake = FakeStripe::start(fake_listener, client().unwrap(), deliver_to).unwrap();
        let data = tempfile::tempdir().unwrap();
        let provider = format!("http://{}", fake.address());
        let marketplace = Arc::new(open(data.path(), "default", &provider).await);
        let served = Arc::clone(&marketplace);
        tokio::spawn(serve(listener, served, DoorLimits::default(), std::future::pending()));
        Self { data, fake, marketplace, url, client: client().unwrap() }
    }

    /// Another marketplace with the same fake Stripe.
    pub async fn open(&self, data: &Path, workspace: &str) -> Marketplace {
        open(data, workspace, &format!("http://{}", self.fake.address())).await
    }

    /// The same marketplace with another address that stands in for the provider.
    pub async fn through(&self, provider: &str) -> Marketplace {
        open(self.data.path(), "default", provider).await
    }

    /// A marketplace over a data folder that may be refused.
    pub async fn try_open(&self, data: &Path) -> Result<Marketplace, Error> {
        let provider = format!("http://{}", self.fake.address());
        try_open(data, "default", &provider, Clock::default()).await
    }

    /// The same marketplace with another clock.
    pub async fn at(&self, clock: Clock) -> Marketplace {
        let provider = format!("http://{}", self.fake.address());
        open_at(self.data.path(), "default", &provider, clock).await
    }

    pub async fn install(&self, key: &str) -> Result<Connection, Error> {
        self.marketplace.install(options(key)).await
    }

    /// Asks for 10.50 USD and gives the page to pay on.
    pub async fn ask(&self, reference: &str) -> String {
        let view = self.marketplace.pay(request(reference, 1050)).await.unwrap();
        view.stored.checkout_url.unwrap()
    }

    /// The customer pays, and Stripe delivers.
    pub async fn pay(&self, page: &str, card: &str) {
        self.act(page, "card", card).await;
    }

    /// The customer sends a form, and Stripe delivers.
    pub async fn act(&self, page: &str, name: &str, value: &str) {
        let value = value.replace(' ', "+");
        let response = self
            .client
            .post(page)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("{name}={value}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        tokio::time::timeout(Duration::from_secs(30), self.fake.delivered()).await.unwrap();
    }

    /// The outputs of a payment, in order.
    pub async fn outputs(&self, reference: &str) -> Vec<String> {
        let transitions = self.marketplace.transitions(None, 0, 1000).await.unwrap();
        let of_reference = transitions.iter().filter(|told| told.reference == reference);
        of_reference.filter_map(|told| told.output().map(str::to_owned)).collect()
    }

    /// Posts a delivery to the public door.
    pub async fn post(
        &self,
        registered_url: &str,
        signature: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let (_, path) = registered_url.split_once("/link-webhook").unwrap();
        let mut request = self.client.post(format!("{}/link-webhook{path}", self.url)).body(body);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Deletes every test webhook at Stripe, behind the marketplace's back.
    pub async fn delete_webhooks(&self) {
        for id in self.fake.endpoint_ids(false) {
            let url = format!("http://{}/v1/webhook_endpoints/{id}", self.fake.address());
            self.client.delete(url).bearer_auth(TEST_KEY).send().await.unwrap();
        }
    }

    /// A payment that is paid while no webhook is there to say so.
    pub async fn is_paid_in_silence(&self, reference: &str) {
        let page = self.ask(reference).await;
        self.delete_webhooks().await;
        self.pay(&page, PAYS).await;
        assert_eq!(self.outputs(reference).await, ["Pending"]);
    }

    /// Asks the fake Stripe as the owner of a key.
    pub async fn ask_stripe(&self, key: &str, path: &str) -> Value {
        let url = format!("http://{}{path}", self.fake.address());
        let response = self.client.get(url).bearer_auth(key).send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// Makes something at the fake Stripe as the owner of a key.
    pub async fn tell_stripe(&self, key: &str, path: &str, form: &str) -> Value {
        let url = format!("http://{}{path}", self.fake.address());
        let request = self.client.post(url).bearer_auth(key).body(form.to_owned());
        let response = request.send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }
}

/// The bundled component, compiled once for all tests.
pub async fn plugin() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = async || Plugin::load(bundled::COMPONENT, &compiler()).await.unwrap();
    PLUGIN.get_or_init(load).await.clone()
}

/// The binary as the compiler, without a cache.
pub fn compiler() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_host-test").into())
}

async fn open(data: &Path, workspace: &str, provider: &str) -> Marketplace {
    open_at(data, workspace, provider, Clock::default()).await
}

async fn open_at(data: &Path, workspace: &str, provider: &str, clock: Clock) -> Marketplace {
    try_open(data, workspace, provider, clock).await.unwrap()
}

async fn try_open(
    data: &Path,
    workspace: &str,
    provider: &str,
    clock: Clock,
) -> Result<Marketplace, Error> {
    Marketplace::open(
        plugin().await,
        &Options {
            workspace: workspace.to_owned(),
            overrides: vec![format!("https://api.stripe.com={provider}").parse().unwrap()],
            clock,
            ..Options::new(data)
        },
    )
}

/// A gateway to the origins of a policy, with the default limits.
pub fn gateway(policy: Policy) -> Gateway {
    let telemetry = Arc::new(Telemetry::new("GATEWAY"));
    Gateway::new(Clients::new().unwrap(), policy, RequestLimits::default(), telemetry)
}

pub fn options(key: &str) -> InstallOptions {
    let key = ("api-key".to_owned(), SecretString::from(key));
    InstallOptions {
        credentials: Credentials::new([key]),
        mode: None,
        webhook_is_manual: None,
        approve_origins: false,
    }
}

/// With the signing secret of a webhook made by hand.
pub fn options_with_secret(key: &str, secret: &str) -> InstallOptions {
    let given = [("api-key", key), ("webhook-secret", secret)];
    let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    InstallOptions { credentials: Credentials::new(given), ..options(key) }
}

/// A data folder that files are put into before it is opened.
pub fn private_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    folder
}

/// The time in Unix seconds.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub fn request(reference: &str, minor_units: u64) -> PaymentOrder {
    PaymentOrder {
        reference: reference.to_owned(),
        amount: Money { minor_units, currency: "usd".to_owned() },
        description: None,
        success_url: "https://example.com/thank-you".to_owned(),
        cancel_url: None,
        expires_at: None,
        capture_method: CaptureMethod::Automatic,
    }
}

/// What a flow is told as an output.
pub fn output(output: &str, is_final: bool) -> Told {
    Told::Output { output: output.to_owned(), r#final: is_final }
}
