//! Merchants with payments that are open, and the deliveries that tell that they are paid: each of an event of its
//! own, about a payment of its own.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fake_provider::{FakeStripe, signature};
use futures_util::stream::{self, StreamExt as _};
use host_test::bundled;
use host_test::egress::{Credentials, client};
use host_test::marketplace::{InstallOptions, Marketplace, Options};
use host_test::plugin::{Compiler, Plugin};
use ledger::types::{
    Authority, Awaited, Event, EventSubject, Mode, Money, Payment, PaymentStatus, PaymentTerms,
};
use ledger::{EventOutcome, Ledger, NewPayment, Refetch, Reservation, Scope};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::OWN;
use super::running::Running;

/// The signing secret of every merchant.
pub const SECRET: &str = "whsec_ofTheBenchmark";
/// The key of every merchant. It does not tell its account, so each installation counts as an account of its own, as
/// the accounts of merchants are.
const KEY: &str = "rk_test_51TestTestWithoutAccount";
/// An event of 2.9 KB, as Stripe sends it.
const EVENT: &str =
    include_str!("../../tests/fixtures/payloads/bench.payment_intent.succeeded.3k.json");
/// How many payments are stored with one commit.
const GROUP: u64 = 1000;

/// What is replaced in it: the ids, and when it happened.
const EVENT_ID: &str = "evt_000000000000000000000000";
const PAYMENT_ID: &str = "pi_000000000000000000000000";
const CREATED: &str = "1648320033";
/// How long before its event a payment is made, in seconds. The background asks about one after ten minutes: the
/// measurement has to be over.
const BEFORE: u64 = 60;
const AMOUNT: u64 = 2000;
/// How many installs are under way at the same time.
const INSTALLS_AT_ONCE: usize = 16;

/// A data folder with merchants, and the fake Stripe.
pub struct Merchants {
    data: PathBuf,
    provider: String,
    /// Each has a workspace of its own. A payment is of the merchant at its number modulo how many there are.
    pub all: Vec<Merchant>,
    _fake: FakeStripe,
}

/// A merchant.
pub struct Merchant {
    /// The name of the workspace.
    pub workspace: String,
    /// The query of the merchant's URL.
    pub query: String,
    pub installation: String,
    pub scope: Scope,
}

impl Merchant {
    /// Installs with a signing secret.
    async fn install(marketplace: Marketplace, workspace: String) -> Self {
        let marketplace = marketplace.in_new_workspace(&workspace).await.unwrap();
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
        Self { workspace, query: query.to_owned(), installation: installation.to_owned(), scope }
    }
}

impl Merchants {
    /// Installs for so many merchants.
    pub async fn install(data: &Path, number: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = FakeStripe::start(listener, client().unwrap(), Box::new(|_| None)).unwrap();
        let provider = format!("https://api.stripe.com=http://{}", fake.address());
        let plugin = Plugin::load(bundled::COMPONENT, &Compiler::new(OWN.into())).await.unwrap();
        let options = Options { overrides: vec![provider.parse().unwrap()], ..Options::new(data) };
        let marketplace = Marketplace::open(plugin, &options).unwrap();
        let installs = (0..number).map(|number| {
            let install = Merchant::install(marketplace.clone(), format!("merchant-{number}"));
            async { tokio::spawn(install).await.unwrap() }
        });
        let all = stream::iter(installs).buffered(INSTALLS_AT_ONCE).collect().await;
        Self { data: data.to_owned(), provider, all, _fake: fake }
    }

    fn of(&self, number: u64) -> &Merchant {
        let position = number % u64::try_from(self.all.len()).unwrap();
        &self.all[usize::try_from(position).unwrap()]
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::open(&self.data.join("ledger.sqlite")).unwrap()
    }

    /// Stores payments that are open, as `pay` does.
    pub fn pay(&self, numbers: Range<u64>) {
        self.grouped(numbers, |ledger, number| {
            self.of(number).pay(ledger, number, now() - BEFORE);
        });
    }

    /// Stores payments that were paid yesterday, as `pay` and a delivery do.
    pub fn pay_and_deliver(&self, numbers: Range<u64>) {
        let yesterday = now() - 86_400;
        self.grouped(numbers, |ledger, number| {
            let merchant = self.of(number);
            merchant.pay(ledger, number, yesterday);
            merchant.deliver(ledger, number, yesterday + BEFORE);
        });
    }

    fn grouped(&self, numbers: Range<u64>, store: impl Fn(&mut Ledger, u64)) {
        let mut ledger = self.ledger();
        let mut next = numbers.start;
        while next < numbers.end {
            let group = next..numbers.end.min(next + GROUP);
            next = group.end;
            ledger.group(|ledger| group.clone().for_each(|number| store(ledger, number))).unwrap();
        }
    }

    /// The deliveries of payments that are paid, each to its merchant.
    pub fn paid(&self, numbers: Range<u64>) -> Vec<Vec<u8>> {
        let target = |number| format!("/link-webhook?{}", self.of(number).query);
        numbers.map(|number| delivery(&target(number), number)).collect()
    }

    /// Starts `serve`.
    pub async fn serve(&self) -> Running {
        let mut command = Command::new(OWN);
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--log", "json"]);
        command.arg("--data-dir").arg(&self.data).args(["--provider-origin", &self.provider]);
        command.kill_on_drop(true);
        Running::start(command).await
    }

    /// The references that are told to be approved. Each has to be told once.
    pub fn approved(&self) -> BTreeSet<String> {
        let (ledger, mut approved) = (self.ledger(), BTreeSet::new());
        for merchant in &self.all {
            let mut after = 0;
            loop {
                let page = ledger.transitions(&merchant.scope, after, 1000).unwrap();
                let Some(last) = page.last() else { break };
                after = last.position;
                for transition in page {
                    if transition.output() == Some("Approved") {
                        let reference = transition.reference;
                        assert!(approved.insert(reference.clone()), "{reference} was told twice");
                    }
                }
            }
        }
        approved
    }
}

impl Merchant {
    fn pay(&self, ledger: &mut Ledger, number: u64, now: u64) {
        let amount = Money { minor_units: AMOUNT, currency: "usd".to_owned() };
        let new = NewPayment {
            installation: self.installation.clone(),
            reference: format!("order-{number}"),
            amount,
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
        let created = payment(number, PaymentStatus::Pending, now);
        let created = Payment { attempt_id: Some(attempt.id.clone()), ..created };
        ledger.record_created(&self.scope, &new, &attempt, &created, now).unwrap();
    }

    fn deliver(&self, ledger: &mut Ledger, number: u64, now: u64) {
        let event = Event {
            id: event_id(number),
            event_type: "payment_intent.succeeded".to_owned(),
            occurred_at: now,
            subject: EventSubject::Payment(Box::new(payment(number, PaymentStatus::Approved, now))),
            authority: Authority::Signed,
        };
        let to = Some(self.installation.as_str());
        let recorded = ledger.record_event(&self.scope, to, &event, &Refetch::NotTried, now);
        assert!(matches!(recorded.unwrap(), EventOutcome::Recorded { .. }));
    }
}

/// A payment, as the provider tells it.
fn payment(number: u64, status: PaymentStatus, created_at: u64) -> Payment {
    Payment {
        id: payment_id(number),
        aliases: vec![payment_id(number)],
        reference: Some(format!("order-{number}")),
        attempt_id: None,
        mode: Mode::Test,
        status,
        provider_status: "requires_payment_method".to_owned(),
        amount: Money { minor_units: AMOUNT, currency: "usd".to_owned() },
        received: if status == PaymentStatus::Approved { AMOUNT } else { 0 },
        refunded: None,
        failure: None,
        awaits: Awaited::Customer(None),
        disputes: Vec::new(),
        created_at,
    }
}

fn payment_id(number: u64) -> String {
    format!("pi_{number:024}")
}

fn event_id(number: u64) -> String {
    format!("evt_{number:024}")
}

/// The delivery of a payment that is paid, as an HTTP request to a path with a query.
pub fn delivery(target: &str, number: u64) -> Vec<u8> {
    let body = EVENT.replace(EVENT_ID, &event_id(number));
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
}

/// The time in Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
