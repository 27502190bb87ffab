//! Andes Pay, the plugin that developers copy, with its fake: everything that a merchant does, from the installation
//! to the end of it.

use std::sync::Arc;
use std::time::Duration;

use andes_pay_fake::{Fake, signature, start};
use host_test::clock::Clock;
use host_test::contract::types::{Mode, Money, RefundStatus, Verdict};
use host_test::egress::{Credentials, client};
use host_test::limits::Limits;
use host_test::marketplace::{
    Connection, Error, InstallOptions, Marketplace, Options, PaymentOrder,
};
use host_test::plugin::Plugin;
use host_test::server::{DoorLimits, serve};
use ledger::types::PaymentStatus;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use super::host::{compiler, now, request};

const STORE: &str = "store-4711";
const TOKEN: &str = "andes_TokenOfTheMerchant";
const SECRET: &str = "whk_SecretOfTheWebhook";

async fn plugin() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = async || {
        let component = include_bytes!(env!("ANDES_PAY_COMPONENT"));
        Plugin::load(component, &compiler()).await.unwrap()
    };
    PLUGIN.get_or_init(load).await.clone()
}

/// A marketplace with Andes Pay, its public door, and a fake Andes Pay.
struct World {
    _data: TempDir,
    fake: Fake,
    marketplace: Arc<Marketplace>,
    client: reqwest::Client,
    /// The public door.
    door: String,
}

impl World {
    async fn start() -> Self {
        let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = bind().await;
        let door = format!("http://{}", listener.local_addr().unwrap());
        let deliver_origins = ["https://chat-payments.jelou.dev", "https://chat-payments.jelou.ai"]
            .map(|public| format!("{public}={door}").parse().unwrap());
        let fake = start(bind().await, bind().await, &deliver_origins).unwrap();
        let stand_in = |origin, address| format!("{origin}={address}").parse().unwrap();
        let data = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: data.path(),
            workspace: "default".to_owned(),
            overrides: vec![
                stand_in("https://api.sandbox.andespay.example", &fake.test),
                stand_in("https://api.andespay.example", &fake.live),
            ],
            clock: Clock::default(),
            limits: Limits::default(),
        };
        let marketplace = Arc::new(Marketplace::open(plugin().await, &options).unwrap());
        let served = Arc::clone(&marketplace);
        tokio::spawn(serve(listener, served, DoorLimits::default(), std::future::pending()));
        Self { _data: data, fake, marketplace, client: client().unwrap(), door }
    }

    async fn install_with(
        &self,
        token: &str,
        secret: Option<&str>,
        mode: Mode,
    ) -> Result<Connection, Error> {
        let given = [("store-id", STORE), ("token", token)].into_iter();
        let given = given.chain(secret.map(|secret| ("signing-secret", secret)));
        let given = given.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        let options = InstallOptions {
            credentials: Credentials::new(given),
            mode: Some(mode),
            webhook_is_manual: Some(true),
            approve_origins: true,
        };
        self.marketplace.install(options).await
    }

    /// Installs, makes the webhook by hand, and installs again with its signing secret.
    async fn install(&self, mode: Mode) -> Connection {
        let first = self.install_with(TOKEN, None, mode).await.unwrap();
        assert_eq!(first.problem.unwrap().code, "webhook-secret-not-given");
        let webhook = json!({ "url": first.webhook_url, "secret": SECRET });
        let made = self.post(self.origin(mode), "/dashboard/webhooks", &webhook).await;
        assert_eq!(made, 201);
        let second = self.install_with(TOKEN, Some(SECRET), mode).await.unwrap();
        assert!(second.problem.is_none() && second.is_rotation);
        second
    }

    fn origin(&self, mode: Mode) -> &str {
        if mode == Mode::Live { &self.fake.live } else { &self.fake.test }
    }

    async fn post(&self, origin: &str, path: &str, json: &Value) -> u16 {
        let request = self.client.post(format!("{origin}{path}")).body(json.to_string());
        let request = request.header("content-type", "application/json");
        request.send().await.unwrap().status().as_u16()
    }

    /// Something that a person does in the dashboard of test mode. It is delivered.
    async fn by_hand(&self, path: &str) {
        assert_eq!(self.post(&self.fake.test, path, &json!({})).await, 200, "{path}");
        self.deliveries(Mode::Test).await;
    }

    /// A list of the dashboard. Deliveries are awaited.
    async fn list(&self, mode: Mode, what: &str) -> Vec<Value> {
        let url = format!("{}/dashboard/{what}", self.origin(mode));
        let answer = async { self.client.get(url).send().await.unwrap().bytes().await.unwrap() };
        let answer = tokio::time::timeout(Duration::from_secs(30), answer).await.unwrap();
        let mut json: Value = serde_json::from_slice(&answer).unwrap();
        serde_json::from_value(json["data"].take()).unwrap()
    }

    /// The statuses of all deliveries, once there is none left.
    async fn deliveries(&self, mode: Mode) -> Vec<Value> {
        let deliveries = self.list(mode, "deliveries").await;
        deliveries.into_iter().map(|delivery| delivery["status"].clone()).collect()
    }

    /// Asks for a payment and gives the page on which the customer approves it.
    async fn ask(&self, reference: &str) -> String {
        self.ask_for(request(reference, 1050)).await
    }

    async fn ask_for(&self, order: PaymentOrder) -> String {
        self.marketplace.pay(order).await.unwrap().stored.checkout_url.unwrap()
    }

    /// The customer chooses, and Andes Pay delivers. Gives the query that the browser brings back.
    async fn customer(&self, page: &str, choice: &str) -> Option<String> {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let request = self.client.post(page).header(form.0, form.1).body(format!("{choice}=yes"));
        let answer = request.send().await.unwrap();
        let back = answer.headers().get("location").map(|url| url.to_str().unwrap().to_owned());
        self.deliveries(Mode::Test).await;
        self.deliveries(Mode::Live).await;
        Some(back?.split_once('?')?.1.to_owned())
    }

    /// A payment of 10.50 USD that is paid.
    async fn paid(&self, reference: &str) {
        let page = self.ask(reference).await;
        let query = self.customer(&page, "approve").await;
        let view = self.marketplace.complete(reference, query).await.unwrap();
        assert_eq!(view.stored.status, PaymentStatus::Approved);
        self.deliveries(Mode::Test).await;
    }

    /// The outputs and notices of a payment, in order.
    async fn told(&self, reference: &str) -> Vec<String> {
        let told = self.marketplace.transitions(None, 0, 1000).await.unwrap();
        let told = told.iter().filter(|told| told.reference == reference);
        told.map(|told| told.output().unwrap_or("notice").to_owned()).collect()
    }

    async fn check(&self, id: &str) -> Verdict {
        let (_, report) = self.marketplace.status().await.unwrap();
        report.checks.iter().find(|check| check.id == id).unwrap().verdict
    }

    /// Posts a delivery to the installation's own URL.
    async fn deliver(
        &self,
        connection: &Connection,
        headers: [(&str, &str); 2],
        body: &str,
    ) -> Value {
        let (_, query) = connection.webhook_url.split_once('?').unwrap();
        let mut request = self.client.post(format!("{}/link-webhook?{query}", self.door));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let is_accepted = body["code"].is_null();
        json!([status, if is_accepted { &body["verdict"] } else { &body["code"] }])
    }
}

#[tokio::test]
async fn andes_payment_is_approved_completed_and_paid() {
    let world = World::start().await;
    world.install(Mode::Test).await;
    let page = world.ask("order-1").await;
    assert_eq!(world.told("order-1").await, ["Pending"]);
    // A token that somebody made up takes no money.
    world.customer(&page, "decline").await;
    assert_eq!(world.told("order-1").await, ["Pending", "Rejected"]);
    let query = world.customer(&page, "approve").await.unwrap();
    let made_up = world.marketplace.complete("order-1", Some("token=tok_made_up".to_owned())).await;
    assert_eq!(made_up.unwrap_err().problem().code, "payment-not-completable");
    let without = world.marketplace.complete("order-1", None).await;
    assert_eq!(without.unwrap_err().problem().code, "payment-not-completable");
    let completed = world.marketplace.complete("order-1", Some(query.clone())).await.unwrap();
    assert_eq!(completed.stored.status, PaymentStatus::Approved);
    // Completing it again takes no more.
    let again = world.marketplace.complete("order-1", Some(query)).await.unwrap();
    assert_eq!(again.stored.status, PaymentStatus::Approved);
    assert_eq!(world.deliveries(Mode::Test).await, [200, 200, 200, 200]);
    assert_eq!(world.told("order-1").await, ["Pending", "Rejected", "Pending", "Approved"]);
    assert_eq!(world.check("delivery-verified").await, Verdict::Pass);
}

#[tokio::test]
async fn andes_forgery_and_replay_change_nothing() {
    let world = World::start().await;
    let connection = world.install(Mode::Test).await;
    world.ask("order-1").await;
    let payment = world.list(Mode::Test, "payments").await[0]["id"].clone();
    let body = json!({ "id": "evt_1", "type": "payment.updated", "payment": payment }).to_string();
    let deliver = async |secret: &str, time: u64| {
        let (time, body) = (time.to_string(), body.as_str());
        let signed = signature(secret, &time, body.as_bytes());
        let headers = [("andes-timestamp", time.as_str()), ("andes-signature", signed.as_str())];
        world.deliver(&connection, headers, body).await
    };
    let now = now();
    assert_eq!(deliver("whk_SomebodyElsesSecret", now).await, json!([400, "signature-mismatch"]));
    assert_eq!(deliver(SECRET, now - 400).await, json!([400, "timestamp-too-old"]));
    assert_eq!(deliver(SECRET, now + 400).await, json!([400, "timestamp-in-future"]));
    assert_eq!(deliver(SECRET, now).await, json!([200, "accepted"]));
    assert_eq!(deliver(SECRET, now).await, json!([200, "duplicate"]));
    let unsigned = world.deliver(&connection, [("x-a", "1"), ("x-b", "2")], &body).await;
    assert_eq!(unsigned, json!([400, "signature-missing"]));
    assert_eq!(world.told("order-1").await, ["Pending"]);
}

#[tokio::test]
async fn andes_payment_is_found_by_asking() {
    let world = World::start().await;
    // Without a webhook nothing is delivered.
    world.install_with(TOKEN, None, Mode::Test).await.unwrap();
    for (reference, choice) in [("order-1", "approve"), ("order-2", "decline")] {
        let page = world.ask(reference).await;
        world.customer(&page, choice).await;
    }
    world.ask("order-3").await;
    let payments = world.list(Mode::Test, "payments").await;
    let expired = payments.last().unwrap()["id"].as_str().unwrap().to_owned();
    world.by_hand(&format!("/dashboard/payments/{expired}/expire")).await;
    assert_eq!(world.deliveries(Mode::Test).await, Vec::<Value>::new());
    world.marketplace.reconcile(|_| {}).await.unwrap();
    let status = async |reference: &str| {
        world.marketplace.payment_history(reference).await.unwrap().1.payment.status
    };
    assert_eq!(status("order-1").await, PaymentStatus::Pending);
    assert_eq!(status("order-2").await, PaymentStatus::Rejected);
    assert_eq!(status("order-3").await, PaymentStatus::Canceled);
}

#[tokio::test]
async fn andes_refund_is_pending_and_then_decided() {
    let world = World::start().await;
    world.install(Mode::Test).await;
    world.paid("order-1").await;
    let refund = async |reference: &str, units| {
        let (_, refund) =
            world.marketplace.refund("order-1", reference, Some(units)).await.unwrap();
        (refund.id, refund.status, refund.amount.minor_units)
    };
    let (first, status, amount) = refund("r1", 300).await;
    assert_eq!((status, amount), (RefundStatus::Pending, 300));
    // The same reference is the same refund.
    assert_eq!(refund("r1", 300).await.0, first);
    world.by_hand(&format!("/dashboard/refunds/{first}/finish")).await;
    assert_eq!(refund("r1", 300).await, (first, RefundStatus::Succeeded, 300));
    let (second, ..) = refund("r2", 750).await;
    world.by_hand(&format!("/dashboard/refunds/{second}/fail")).await;
    let attention = world.marketplace.attention().await.unwrap();
    let codes: Vec<_> = attention.iter().map(|entry| entry.problem.code.as_str()).collect();
    assert_eq!(codes, ["refund-failed"]);
    // One that failed is made anew.
    let (third, status, _) = refund("r2", 750).await;
    assert_eq!((third == second, status), (false, RefundStatus::Pending));
    assert!(world.deliveries(Mode::Test).await.iter().all(|status| *status == 200));
    assert_eq!(world.list(Mode::Test, "refunds").await.len(), 3);
}

#[tokio::test]
async fn andes_unpaid_payment_is_canceled_and_a_paid_one_is_not() {
    let world = World::start().await;
    world.install(Mode::Test).await;
    world.ask("order-1").await;
    let canceled = world.marketplace.cancel("order-1").await.unwrap();
    assert_eq!(canceled.stored.status, PaymentStatus::Canceled);
    world.paid("order-2").await;
    let paid = world.marketplace.cancel("order-2").await.unwrap_err();
    assert_eq!(paid.problem().code, "payment-already-paid");
}

#[tokio::test]
async fn andes_amounts_are_exact_in_every_currency() {
    let world = World::start().await;
    world.install(Mode::Test).await;
    let rows = [
        ("usd", 1050, "10.50"),
        ("clp", 1000, "1000"),
        ("isk", 1, "1"),
        ("jpy", 500, "500"),
        ("kwd", 12_345, "12.345"),
        ("usd", 1 << 53, "90071992547409.92"),
    ];
    for (number, (currency, minor_units, text)) in rows.into_iter().enumerate() {
        let amount = Money { minor_units, currency: currency.to_owned() };
        world.ask_for(PaymentOrder { amount, ..request(&format!("order-{number}"), 1) }).await;
        let payments = world.list(Mode::Test, "payments").await;
        assert_eq!(payments.last().unwrap()["amount"], text);
    }
}

#[tokio::test]
async fn andes_token_is_judged() {
    let world = World::start().await;
    let refused = world.install_with("andes_TokenThatIsInvalid", None, Mode::Test).await;
    assert_eq!(refused.unwrap_err().problem().code, "key-rejected");
    world.install_with("andes_TokenWithoutRefunds", Some(SECRET), Mode::Test).await.unwrap();
    assert_eq!(world.check("key").await, Verdict::Pass);
    assert_eq!(world.check("permissions").await, Verdict::Warn);
    world.paid("order-1").await;
    let refund = world.marketplace.refund("order-1", "r1", None).await.unwrap_err();
    assert_eq!(refund.problem().code, "permission-missing");
    // A better token of the same store, and one that is not activated.
    world.install_with(TOKEN, None, Mode::Test).await.unwrap();
    assert_eq!(world.check("permissions").await, Verdict::Pass);
    assert_eq!(world.check("webhook-secret").await, Verdict::Pass);
    world.marketplace.refund("order-1", "r1", None).await.unwrap();
    world.install_with("andes_TokenNotActivated", None, Mode::Test).await.unwrap();
    assert_eq!(world.check("account-can-charge").await, Verdict::Fail);
}

#[tokio::test]
async fn andes_live_mode_uses_other_hosts() {
    let world = World::start().await;
    world.install(Mode::Live).await;
    let page = world.ask("order-1").await;
    let query = world.customer(&page, "approve").await;
    world.marketplace.complete("order-1", query).await.unwrap();
    assert_eq!(world.list(Mode::Live, "payments").await[0]["status"], "paid");
    assert_eq!(world.deliveries(Mode::Live).await, [200, 200, 200]);
    assert!(world.list(Mode::Test, "payments").await.is_empty());
    assert_eq!(world.told("order-1").await, ["Pending", "Approved"]);
}

#[tokio::test]
async fn andes_uninstall_keeps_the_merchants_webhook_and_the_history() {
    let world = World::start().await;
    let connection = world.install(Mode::Test).await;
    world.paid("order-1").await;
    world.ask("order-2").await;
    let removed = world.marketplace.uninstall(false).await.unwrap();
    assert_eq!(removed.left.unwrap().url, Some(connection.webhook_url.clone()));
    // The open page is closed.
    assert_eq!(world.list(Mode::Test, "payments").await[1]["status"], "canceled");
    assert_eq!(world.told("order-1").await, ["Pending", "Approved"]);
    let refused = world.marketplace.pay(request("order-3", 1050)).await.unwrap_err();
    assert_eq!(refused.problem().code, "not-installed");
}
