//! A merchant with payments that are open, and the deliveries that tell that they are paid: each of an event of its
//! own, about a payment of its own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fake_provider::{FakeStripe, signature};
use host_test::bundled;
use host_test::egress::{Credentials, client};
use host_test::marketplace::{InstallOptions, Marketplace, Options};
use host_test::plugin::{Compiler, Plugin};
use ledger::types::{Awaited, Mode, Money, Payment, PaymentStatus, PaymentTerms};
use ledger::{Ledger, NewPayment, Reservation, Scope};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::{Bench, OWN};

/// The signing secret of every merchant.
pub const SECRET: &str = "whsec_ofTheBenchmark";
const KEY: &str = "sk_test_51TestTestTestTest";
/// An event of 2.9 KB, as Stripe sends it.
const EVENT: &str =
    include_str!("../../tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json");
/// How many payments are stored with one commit.
const GROUP: u64 = 1000;

/// What is replaced in it: the ids, and when it happened.
const EVENT_ID: &str = "evt_000000000000000000000000";
const PAYMENT_ID: &str = "pi_000000000000000000000000";
const CREATED: &str = "1648320033";
/// How long before its event a payment is made, in seconds: too short a time for the background to ask about it.
const BEFORE: u64 = 60;

/// A merchant, and the fake Stripe.
pub struct Merchant {
    data: PathBuf,
    provider: String,
    /// The query of the merchant's URL.
    pub query: String,
    installation: String,
    scope: Scope,
    _fake: FakeStripe,
}

impl Merchant {
    /// Installs with a signing secret.
    pub async fn install(data: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = FakeStripe::start(listener, client().unwrap(), Box::new(|_| None)).unwrap();
        let provider = format!("https://api.stripe.com=http://{}", fake.address());
        let plugin = Plugin::load(bundled::COMPONENT, &Compiler::new(OWN.into())).await.unwrap();
        let options = Options { overrides: vec![provider.parse().unwrap()], ..Options::new(data) };
        let marketplace = Marketplace::open(plugin, &options).unwrap();
        let given = [("api-key", KEY), ("webhook-secret", SECRET)];
        let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        let install = InstallOptions {
            credentials: Credentials::new(given),
            mode: None,
            webhook_is_manual: Some(true),
            approve_origins: false,
        };
        let url = marketplace.install(install).await.unwrap().installation_url;
        let (_, query) = url.split_once('?').unwrap();
        let (_, installation) = query.split_once("installation=").unwrap();
        let scope = Scope {
            workspace: marketplace.workspace().to_owned(),
            provider: "STRIPE".to_owned(),
            mode: Mode::Test,
        };
        Self {
            data: data.to_owned(),
            provider,
            query: query.to_owned(),
            installation: installation.to_owned(),
            scope,
            _fake: fake,
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.data.join("ledger.sqlite")).unwrap()
    }

    /// Stores payments that are open, as `pay` does.
    pub fn pay(&self, numbers: Range<u64>) {
        let mut ledger = self.ledger();
        let mut next = numbers.start;
        while next < numbers.end {
            let group = next..numbers.end.min(next + GROUP);
            next = group.end;
            let pay =
                |ledger: &mut Ledger| group.clone().for_each(|number| self.pay_one(ledger, number));
            ledger.group(pay).unwrap();
        }
    }

    fn pay_one(&self, ledger: &mut Ledger, number: u64) {
        let now = now() - BEFORE;
        let amount = Money { minor_units: 2000, currency: "usd".to_owned() };
        let new = NewPayment {
            installation: self.installation.clone(),
            reference: format!("order-{number}"),
            amount: amount.clone(),
            terms: PaymentTerms {
                description: None,
                success_url: "https://example.com/thank-you".to_owned(),
                cancel_url: None,
                expires_at: None,
                has_manual_capture: false,
            },
        };
        let reserved = ledger.reserve(&self.scope, &new, now).unwrap();
        let Reservation::Reserved { attempt, .. } = reserved else { panic!("it is used") };
        let created = Payment {
            id: payment_id(number),
            aliases: vec![payment_id(number)],
            reference: Some(new.reference.clone()),
            attempt_id: Some(attempt.id.clone()),
            mode: Mode::Test,
            status: PaymentStatus::Pending,
            provider_status: "requires_payment_method".to_owned(),
            amount,
            received: 0,
            refunded: None,
            failure: None,
            awaits: Awaited::Customer(None),
            disputes: Vec::new(),
            created_at: now,
        };
        ledger.record_created(&self.scope, &new, &attempt, &created, now).unwrap();
    }

    /// Starts `serve`.
    pub async fn serve(&self) -> (Child, SocketAddr) {
        let mut command = Command::new(OWN);
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--log", "json"]);
        command.arg("--data-dir").arg(&self.data).args(["--provider-origin", &self.provider]);
        command.kill_on_drop(true);
        let (process, url) = Bench::started(command).await;
        let address = url.trim_start_matches("http://").split('/').next().unwrap();
        (process, address.parse().unwrap())
    }

    /// The references that are told to be approved. Each has to be told once.
    pub fn approved(&self) -> BTreeSet<String> {
        let (ledger, mut approved, mut after) = (self.ledger(), BTreeSet::new(), 0);
        loop {
            let page = ledger.transitions(&self.scope, after, 1000).unwrap();
            let Some(last) = page.last() else { return approved };
            after = last.position;
            for transition in page {
                if transition.output() == Some("Approved") {
                    let reference = transition.reference;
                    assert!(approved.insert(reference.clone()), "{reference} was told twice");
                }
            }
        }
    }
}

fn payment_id(number: u64) -> String {
    format!("pi_{number:024}")
}

/// The deliveries of payments that are paid, as HTTP requests to a path with a query.
pub fn paid(target: &str, numbers: Range<u64>) -> Vec<Vec<u8>> {
    numbers
        .map(|number| {
            let body = EVENT.replace(EVENT_ID, &format!("evt_{number:024}"));
            let body = body.replace(PAYMENT_ID, &payment_id(number));
            let now = now();
            let body = body.replace(CREATED, &now.to_string());
            let signature = signature(SECRET, false, body.as_bytes(), now);
            let head = format!(
                "POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nstripe-signature: {signature}\r\n\
                 content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body.as_bytes()].concat()
        })
        .collect()
}

/// The time in Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
