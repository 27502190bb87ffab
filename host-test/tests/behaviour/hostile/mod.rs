//! Attacks of a component on its host. Each table says what the component does, what stops it and what the error
//! says, and after each attack the next call is healthy.

mod answers;
mod approval;
mod busy;
mod command_line;
mod manifests;
mod resources;
mod secrets;

use std::path::Path;

use host_test::clock::Clock;
use host_test::contract::types::{Mode, WebhookRequest};
use host_test::egress::Credentials;
use host_test::marketplace::{
    Connection, DeliveryOutcome, DeliveryTarget, Error, InstallOptions, Marketplace, Options,
    PaymentView,
};
use host_test::plugin::{LoadError, Plugin};
use host_test::sender::Sender;
use memchr::memmem;
use secrecy::SecretString;
use tempfile::TempDir;

use super::host::compiler;

const KEY: &str = "hostile-key-of-the-merchant";
const SECRET: &str = "hook-secret/Of+TheMerchant";

/// The component with a script.
pub fn component(script: &str) -> Vec<u8> {
    let mut bytes = include_bytes!(env!("HOSTILE_GUEST_COMPONENT")).to_vec();
    let mark = b"HOSTILE-SCRIPT:~";
    let start = memmem::find(&bytes, mark).unwrap() + mark.len() - 1;
    assert!(script.len() < 1000, "the script is too long");
    bytes[start..start + script.len()].copy_from_slice(script.as_bytes());
    bytes
}

async fn load(script: &str) -> Result<Plugin, LoadError> {
    Plugin::load(&component(script), &compiler()).await
}

/// A marketplace with a hostile plugin.
struct World {
    data: TempDir,
    marketplace: Marketplace,
}

async fn open(data: &Path, workspace: &str, script: &str) -> Marketplace {
    open_at(data, workspace, script, Clock::default()).await
}

async fn open_at(data: &Path, workspace: &str, script: &str, clock: Clock) -> Marketplace {
    let options = Options { workspace: workspace.to_owned(), clock, ..Options::new(data) };
    Marketplace::open(load(script).await.unwrap(), &options).unwrap()
}

pub fn options(approve_origins: bool) -> InstallOptions {
    let given = [("token", KEY), ("hook-secret", SECRET)];
    let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    InstallOptions {
        credentials: Credentials::new(given),
        mode: Some(Mode::Test),
        webhook_is_manual: Some(true),
        approve_origins,
    }
}

impl World {
    async fn start(script: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let marketplace = open(data.path(), "default", script).await;
        Self { data, marketplace }
    }

    /// With the plugin approved and installed.
    async fn installed(script: &str) -> (Self, Connection) {
        let world = Self::start(script).await;
        let connection = world.marketplace.install(options(true)).await.unwrap();
        (world, connection)
    }

    async fn pay(&self, reference: &str) -> Result<PaymentView, Error> {
        self.marketplace.pay(super::host::request(reference, 1000)).await
    }

    /// A delivery to the installation's own URL.
    async fn deliver(&self, connection: &Connection, body: &str) -> DeliveryOutcome {
        let query = connection.installation_url.split_once('?').unwrap().1;
        let request = WebhookRequest {
            headers: Vec::new(),
            query: query.to_owned(),
            body: body.as_bytes().to_vec(),
        };
        self.marketplace
            .deliver(1_900_000_000, &DeliveryTarget::parse(query), Sender::default(), request)
            .await
    }

    /// An honest call works.
    async fn is_well(&self, after: &str) {
        let reference = format!("honest-{}", uuid());
        let view = self.pay(&reference).await;
        let url = view.unwrap_or_else(|error| panic!("{after}: {error}")).stored.checkout_url;
        assert_eq!(url.as_deref(), Some("https://pay.hostile.example/page"), "{after}");
    }

    /// The codes of what needs a person.
    async fn attention(&self) -> Vec<String> {
        let items = self.marketplace.attention().await.unwrap();
        items.into_iter().map(|item| item.problem.code).collect()
    }
}

/// A new word.
fn uuid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

fn is_visible(text: &str) -> bool {
    text.chars().all(host_test::foreign::is_visible)
}
