//! A provider that is not like Stripe, through the test guest: two credentials, other hosts in live
//! mode, three kinds of authorization, webhooks with ids only, approval that has to be completed,
//! refunds that take their time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_test::contract::types::{
    CaptureMethod, DeliveredEvent, EventSubject, Installation, Mode, Money, RefundStatus, Verdict,
    WebhookOutcome, WebhookRequest,
};
use host_test::egress::{Credentials, OriginOverride, Policy};
use host_test::fair_places::Owner;
use host_test::marketplace::{
    DeliveryOutcome, DeliveryTarget, Error, InstallOptions, Marketplace, Options, PaymentOrder,
};
use host_test::plugin::Plugin;
use host_test::sender::Sender;
use ledger::types::PaymentStatus;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use super::host::{compiler, gateway};

const STORE: &str = "store-4711";
const TOKEN: &str = "token-ofTheMerchant";

/// The provider's hosts.
const HOSTS: [&str; 6] = [
    "https://payments.guest.example",
    "https://refunds.guest.example",
    "https://events.test.guest.example",
    "https://events.live.guest.example",
    "https://login.test.guest.example",
    "https://login.live.guest.example",
];

/// What the provider remembers.
#[derive(Default)]
struct Provider {
    /// Host, method and path of every request.
    requests: Vec<String>,
    /// Payments and refunds, by their paths.
    objects: BTreeMap<String, String>,
    /// Events, by their ids: the payment that each is about.
    events: BTreeMap<String, String>,
    /// How many tokens were issued. Only the newest is valid.
    tokens: usize,
    /// How long a token is valid, in seconds.
    lifetime: u64,
}

type Shared = Arc<Mutex<Provider>>;

/// The value of a field in a body such as `a=1&b=2`.
fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}

fn basic() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{STORE}:{TOKEN}")))
}

async fn answer(
    State((host, shared)): State<(&'static str, Shared)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = uri.path().to_owned();
    let mut provider = shared.lock().unwrap();
    provider.requests.push(format!("{host} {method} {path}"));
    let authorization = header("authorization");
    if host.starts_with("https://login.") {
        let client = (field(&body, "client_id"), field(&body, "client_secret"));
        let is_client = if host.contains(".test.") {
            client == (Some(STORE), Some(TOKEN)) && authorization.is_none()
        } else {
            client == (None, None) && authorization == Some(basic())
        };
        let is_right = is_client
            && field(&body, "grant_type") == Some("client_credentials")
            && field(&body, "scope") == Some("events");
        if !is_right {
            return StatusCode::BAD_REQUEST.into_response();
        }
        provider.tokens += 1;
        let (number, lifetime) = (provider.tokens, provider.lifetime);
        return format!(r#"{{"access_token":"access-{number:08}","expires_in":{lifetime}}}"#)
            .into_response();
    }
    let is_authorised = if host.starts_with("https://payments.") {
        // What the plugin makes up is the host's to remove only where the host sets it.
        authorization == Some(basic()) && header("x-token").as_deref() == Some("made up")
    } else if host.starts_with("https://refunds.") {
        let sets = (header("x-token"), header("x-store"));
        authorization.is_none() && sets == (Some(TOKEN.to_owned()), Some(STORE.to_owned()))
    } else {
        authorization == Some(format!("Bearer access-{:08}", provider.tokens))
    };
    if !is_authorised {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Some(id) = path.strip_prefix("/events/") {
        let payment = provider.events.get(id).and_then(|path| provider.objects.get(path));
        return match payment {
            Some(payment) => {
                format!("{payment}&at=2000000000&echo={}", authorization.unwrap()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let object = match method.as_str() {
        "PUT" => {
            let attempt = field(&body, "attempt").unwrap();
            assert!(field(&body, "key").is_some_and(|key| key.len() == 32), "{body}");
            Some((path.clone(), format!("id={attempt}&status=open&{body}")))
        }
        "POST" => Some(("/refunds/rf1".to_owned(), format!("id=rf1&status=waiting&{body}"))),
        "PATCH" => {
            let status = field(&body, "status").unwrap().to_owned();
            let known = provider.objects.get(&path).cloned().unwrap_or_default();
            Some((path.clone(), with_status(&known, &status)))
        }
        _ => provider.objects.get(&path).map(|object| (path.clone(), object.clone())),
    };
    match object {
        Some((path, object)) => {
            provider.objects.insert(path, object.clone());
            // A provider that repeats what it was sent.
            format!("{object}&echo={TOKEN}").into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn with_status(object: &str, status: &str) -> String {
    let (id, rest) = object.split_once('&').unwrap();
    let (_, rest) = rest.split_once('&').unwrap();
    format!("{id}&status={status}&{rest}")
}

/// A marketplace with the test guest, and its provider.
struct World {
    _data: TempDir,
    provider: Shared,
    overrides: Vec<OriginOverride>,
    marketplace: Marketplace,
}

async fn guest() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = async || {
        let component = include_bytes!(env!("TEST_GUEST_COMPONENT"));
        Plugin::load(component, &compiler()).await.unwrap()
    };
    PLUGIN.get_or_init(load).await.clone()
}

fn credentials() -> Credentials {
    let given = [("store-id", STORE), ("token", TOKEN)];
    Credentials::new(given.map(|(name, value)| (name.to_owned(), SecretString::from(value))))
}

impl World {
    async fn start() -> Self {
        let provider = Shared::default();
        provider.lock().unwrap().lifetime = 3600;
        let mut overrides = Vec::new();
        for host in HOSTS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().fallback(answer).with_state((host, Arc::clone(&provider)));
            tokio::spawn(async move { axum::serve(listener, router).await });
            overrides.push(format!("{host}=http://{address}").parse().unwrap());
        }
        let data = tempfile::tempdir().unwrap();
        let options = Options { overrides: overrides.clone(), ..Options::new(data.path()) };
        let marketplace = Marketplace::open(guest().await, &options).unwrap();
        Self { _data: data, provider, overrides, marketplace }
    }

    /// Installs, and gives the query of the installation's own URL.
    async fn install(&self, mode: Option<Mode>, by_hand: bool) -> Result<String, Error> {
        let options = InstallOptions {
            credentials: credentials(),
            mode,
            webhook_is_manual: Some(by_hand),
            approve_origins: true,
        };
        let connection = self.marketplace.install(options).await?;
        assert_eq!(connection.webhook_url, connection.installation_url);
        Ok(connection.installation_url.split_once('?').unwrap().1.to_owned())
    }

    /// Asks for a payment, and gives the provider's id of it.
    async fn pay(&self, reference: &str) -> String {
        let order = PaymentOrder {
            reference: reference.to_owned(),
            amount: Money { minor_units: 1000, currency: "clp".to_owned() },
            description: None,
            success_url: "https://example.com/thank-you".to_owned(),
            cancel_url: None,
            expires_at: None,
            capture_method: CaptureMethod::Automatic,
        };
        let known = self.marketplace.pay(order).await.unwrap().stored;
        assert!(known.checkout_url.unwrap().starts_with("https://pay.guest.example/"));
        known.remote_id.unwrap()
    }

    /// Something happens to a payment at the provider.
    fn happens(&self, payment: &str, status: &str, event: &str) {
        let mut provider = self.provider.lock().unwrap();
        let path = format!("/payments/{payment}");
        let object = with_status(&provider.objects[&path], status);
        provider.objects.insert(path.clone(), object);
        provider.events.insert(event.to_owned(), path);
    }

    async fn deliver(&self, query: &str, body: &str) -> DeliveryOutcome {
        let request = WebhookRequest {
            headers: Vec::new(),
            query: query.to_owned(),
            body: body.as_bytes().to_vec(),
        };
        let target = DeliveryTarget::parse(query);
        self.marketplace.deliver(1_900_000_000, &target, Sender::default(), request).await
    }

    async fn status_of(&self, reference: &str) -> PaymentStatus {
        self.marketplace.payment_history(reference).await.unwrap().1.payment.status
    }

    /// The verdict of one of the host's own checks.
    async fn check(&self, id: &str) -> Verdict {
        let (_, report) = self.marketplace.status().await.unwrap();
        report.checks.iter().find(|check| check.id == id).unwrap().verdict
    }

    fn requests_to(&self, host: &str) -> usize {
        let provider = self.provider.lock().unwrap();
        provider.requests.iter().filter(|request| request.contains(host)).count()
    }
}

#[tokio::test]
async fn each_origin_has_its_authorization() {
    let world = World::start().await;
    world.install(Some(Mode::Test), false).await.unwrap();
    let payment = world.pay("order-1").await;
    // Two headers, and a refund that takes its time.
    world.happens(&payment, "paid", "e1");
    let view = world.marketplace.payment("order-1").await.unwrap();
    assert_eq!(view.stored.status, PaymentStatus::Approved);
    let echo = view.provider.unwrap().extras;
    assert_eq!(echo, [("echo".to_owned(), "*".repeat(TOKEN.len()))]);
    let (_, refund) = world.marketplace.refund("order-1", "r1", Some(300)).await.unwrap();
    assert_eq!((refund.status, refund.payment), (RefundStatus::Pending, payment));

    let plugin = guest().await;
    let policy = Policy::new(plugin.manifest(), &world.overrides).unwrap();
    let gateway = gateway(policy);
    let ask = async || {
        let egress = gateway.egress(Owner::default(), Mode::Test, credentials());
        let installation = Installation::ad_hoc(Vec::new());
        plugin.get_refund(egress.into(), &installation, "rf1").await.unwrap().unwrap()
    };
    assert_eq!(ask().await.status, RefundStatus::Pending);
    {
        let mut provider = world.provider.lock().unwrap();
        let done = with_status(&provider.objects["/refunds/rf1"], "done");
        provider.objects.insert("/refunds/rf1".to_owned(), done);
    }
    assert_eq!(ask().await.status, RefundStatus::Succeeded);
}

#[tokio::test]
async fn approved_payment_is_completed() {
    let world = World::start().await;
    world.install(Some(Mode::Test), false).await.unwrap();
    let payment = world.pay("order-1").await;
    world.happens(&payment, "authorised", "e1");
    let view = world.marketplace.payment("order-1").await.unwrap();
    assert_eq!((view.stored.status, view.stored.checkout_url), (PaymentStatus::Pending, None));
    let query = Some("token=ofTheBrowser".to_owned());
    let completed = world.marketplace.complete("order-1", query).await.unwrap();
    assert_eq!(completed.stored.status, PaymentStatus::Approved);
    // `PUT` and `PATCH` reach the provider.
    let requests = world.provider.lock().unwrap().requests.clone();
    for method in ["PUT", "PATCH"] {
        assert!(requests.iter().any(|request| request.contains(method)), "{requests:?}");
    }
}

#[tokio::test]
async fn merchant_chooses_the_mode_and_it_stays() {
    let world = World::start().await;
    let code = |result: Result<String, Error>| result.unwrap_err().problem().code;
    assert_eq!(code(world.install(None, true).await), "mode-not-chosen");
    let query = world.install(Some(Mode::Live), true).await.unwrap();
    assert_eq!(code(world.install(Some(Mode::Test), true).await), "mode-mismatch");
    // A rotation stays in the mode without saying so.
    assert_eq!(world.install(None, true).await.unwrap(), query);
    let payment = world.pay("order-1").await;
    world.happens(&payment, "paid", "e1");
    assert_eq!(world.deliver(&query, "event=e1").await, DeliveryOutcome::Accepted);
    assert_eq!(world.status_of("order-1").await, PaymentStatus::Approved);
    // Other hosts in live mode, and never the other mode's.
    assert_eq!((world.requests_to("login.live"), world.requests_to("events.live")), (1, 1));
    assert_eq!((world.requests_to("login.test"), world.requests_to("events.test")), (0, 0));
}

#[tokio::test]
async fn forgeries_do_not_use_up_the_quota() {
    let world = World::start().await;
    let query = world.install(Some(Mode::Test), true).await.unwrap();
    let payment = world.pay("order-1").await;
    let forged = world.deliver(&query, "event=made-up").await;
    assert!(matches!(forged, DeliveryOutcome::Refused(_)));
    assert_eq!(world.check("delivery-verified").await, Verdict::Unknown);
    world.happens(&payment, "paid", "e1");
    let genuine = world.deliver(&query, "event=e1").await;
    assert_eq!(genuine, DeliveryOutcome::Accepted, "{genuine:?}");
    assert_eq!(world.status_of("order-1").await, PaymentStatus::Approved);
    assert_eq!(world.check("delivery-verified").await, Verdict::Pass);
    // A hundred genuine ones give back what they have taken.
    for _ in 0..100 {
        let again = world.deliver(&query, "event=e1").await;
        assert_eq!(again, DeliveryOutcome::Duplicate);
    }
    // A hundred forged ones do not: the plugin cannot ask any more, and says so.
    let mut last = world.deliver(&query, "event=made-up").await;
    for _ in 0..100 {
        last = world.deliver(&query, "event=made-up").await;
    }
    assert!(matches!(last, DeliveryOutcome::RetryLater(_)));
    assert!(world.requests_to("events.test") < 170);
}

#[tokio::test]
async fn unverifiable_delivery_is_a_hint() {
    let world = World::start().await;
    let query = world.install(Some(Mode::Test), false).await.unwrap();
    let payment = world.pay("order-1").await;
    // The plugin claims that it is verified. It is a hint all the same.
    let lie = world.deliver(&query, &format!("lie={payment}")).await;
    assert_eq!(lie, DeliveryOutcome::Accepted);
    assert_eq!(world.status_of("order-1").await, PaymentStatus::Pending);
    world.happens(&payment, "paid", "e1");
    let hint = world.deliver(&query, &format!("payment={payment}")).await;
    assert_eq!(hint, DeliveryOutcome::Accepted);
    assert_eq!(world.status_of("order-1").await, PaymentStatus::Approved);
    assert_eq!(world.check("delivery-verified").await, Verdict::Unknown);
    // The lie's event was not kept: it would suppress a genuine one.
    let (_, story) = world.marketplace.payment_history("order-1").await.unwrap();
    let is_lie = |happening: &_| format!("{happening:?}").contains("lie-");
    assert!(!story.entries.iter().any(is_lie), "{:?}", story.entries);
}

#[tokio::test]
async fn shared_delivery_finds_its_installation() {
    let world = World::start().await;
    world.install(Some(Mode::Test), false).await.unwrap();
    let payment = world.pay("order-1").await;
    world.happens(&payment, "paid", "e1");
    assert_eq!(world.check("delivery-unclaimed").await, Verdict::Pass);
    for nobodys in ["payment=another", "reference=another", "nothing"] {
        let answer = world.deliver("provider=GUEST", nobodys).await;
        assert_eq!(answer.reason().unwrap().code, "installation-unknown");
    }
    assert_eq!(world.check("delivery-unclaimed").await, Verdict::Warn);
    let (_, report) = world.marketplace.status().await.unwrap();
    assert!(report.checks.iter().any(|check| check.message.starts_with("3 deliveries")));
    let body = format!("reference=order-1&payment={payment}");
    let answer = world.deliver("provider=GUEST", &body).await;
    assert_eq!(answer, DeliveryOutcome::Accepted);
    assert_eq!(world.status_of("order-1").await, PaymentStatus::Approved);
}

#[tokio::test]
async fn access_token_that_is_echoed_stays_outside() {
    let world = World::start().await;
    world.install(Some(Mode::Test), true).await.unwrap();
    let payment = world.pay("order-1").await;
    world.happens(&payment, "paid", "e1");
    let plugin = guest().await;
    let policy = Policy::new(plugin.manifest(), &world.overrides).unwrap();
    let gateway = gateway(policy);
    let installation = Installation::ad_hoc(Vec::new());
    let request =
        WebhookRequest { headers: Vec::new(), query: String::new(), body: b"event=e1".to_vec() };
    let egress = gateway.egress(Owner::default(), Mode::Test, credentials());
    let outcome = plugin.handle_webhook(egress.into(), 1, &installation, &request).await.unwrap();
    let Ok(WebhookOutcome::Event(DeliveredEvent { event, .. })) = outcome else { panic!() };
    let EventSubject::Payment(payment) = event.subject else { panic!() };
    assert_eq!(payment.extras, [("echo".to_owned(), format!("Bearer {}", "*".repeat(15)))]);
}

#[tokio::test]
async fn origin_of_other_mode_is_denied_to_a_plugin() {
    let world = World::start().await;
    let query = world.install(Some(Mode::Test), true).await.unwrap();
    let payment = world.pay("order-1").await;
    world.happens(&payment, "paid", "e1");
    let answer = world.deliver(&query, "event=e1&other-mode=yes").await;
    assert!(matches!(answer, DeliveryOutcome::RetryLater(_)));
    assert!(answer.reason().unwrap().message.contains("does not name this origin"));
    assert_eq!((world.requests_to("login.live"), world.requests_to("events.live")), (0, 0));
}

#[tokio::test]
async fn access_token_is_cached_and_renewed() {
    let world = World::start().await;
    let query = world.install(Some(Mode::Test), true).await.unwrap();
    let payment = world.pay("order-1").await;
    world.happens(&payment, "paid", "e1");
    let deliver = async || world.deliver(&query, "event=e1").await;
    assert_eq!(deliver().await, DeliveryOutcome::Accepted);
    for _ in 0..3 {
        assert_eq!(deliver().await, DeliveryOutcome::Duplicate);
    }
    assert_eq!(world.requests_to("login.test"), 1);
    // Revoked: the provider takes a newer one only.
    world.provider.lock().unwrap().tokens += 1;
    assert_eq!(deliver().await, DeliveryOutcome::Duplicate);
    assert_eq!(world.requests_to("login.test"), 2);
    // Tokens that end at once are never kept.
    world.provider.lock().unwrap().tokens += 1;
    world.provider.lock().unwrap().lifetime = 30;
    for number in 3..6 {
        assert_eq!(deliver().await, DeliveryOutcome::Duplicate);
        assert_eq!(world.requests_to("login.test"), number);
    }
}
