//! No API credential enters the sandbox: the memory of the guest is read after every call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio::net::TcpListener;
use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use super::state::CallState;
use super::{Plugin, engine};
use crate::bundled;
use crate::contract::types::{
    AttemptSearch, CaptureMethod, Installation, Mode, Money, PaymentSearchResult, RefundSearch,
    RefundSearchResult,
};
use crate::egress::{Clients, Credentials, Gateway, Policy, RequestLimits, client};
use crate::fair_places::Owner;
use crate::foreign::Secrets;
use crate::marketplace::{InstallOptions, Marketplace, Options, PaymentOrder};
use crate::telemetry::Telemetry;
use fake_provider::FakeStripe;

/// Looks at the store of a call before it is dropped.
pub type Observer = Arc<dyn Fn(&mut Store<CallState>) + Send + Sync>;

const KEY: &str = "sk_test_51MemoryOfTheGuest";
const NEW_KEY: &str = "rk_test_51AnotherOfTheGuest";
const SECRET: &str = "whsec_inTheMemoryOfTheGuest";

/// What was found in the memories of the calls so far.
#[derive(Default)]
struct Seen {
    calls: usize,
    bytes: usize,
    found: BTreeSet<&'static str>,
}

/// Searches every linear memory of a store.
fn search(store: &mut Store<CallState>, seen: &Mutex<Seen>) {
    let mut seen = seen.lock().unwrap();
    seen.calls += 1;
    for instance in store.debug_all_instances() {
        let memories: Vec<_> =
            (0..).map_while(|index| instance.debug_memory(&mut *store, index)).collect();
        for memory in memories {
            let memory = memory.data(&*store);
            seen.bytes += memory.len();
            for text in [KEY, NEW_KEY, SECRET] {
                let mut forms = Secrets::default();
                forms.add(text, 1);
                if forms.are_in(memory) {
                    seen.found.insert(text);
                }
            }
        }
    }
}

/// The bundled component in an engine that lets memories be read.
async fn observed(seen: &Arc<Mutex<Seen>>) -> Plugin {
    let mut config = engine::config();
    config.guest_debug(true);
    let engine = Engine::new(&config).unwrap();
    engine::start_ticker(&engine);
    // In this process: the engine is not the one for which a child compiles.
    let component = Component::from_binary(&engine, bundled::COMPONENT).unwrap();
    let plugin = Plugin::of_compiled(&engine, bundled::COMPONENT, &component, None);
    let mut plugin = plugin.await.unwrap();
    let seen = Arc::clone(seen);
    plugin.caller.observer = Some(Arc::new(move |store| search(store, &seen)));
    plugin
}

fn options(key: &str, secret: Option<&str>) -> InstallOptions {
    let given = [("api-key", Some(key)), ("webhook-secret", secret)];
    let given = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), SecretString::from(value?))));
    InstallOptions {
        credentials: Credentials::new(given),
        mode: None,
        webhook_is_manual: None,
        approve_origins: false,
    }
}

/// The calls that no use case makes yet.
async fn search_for_attempts(plugin: &Plugin, provider: &str) {
    let policy = Policy::new(plugin.manifest(), &[provider.parse().unwrap()]).unwrap();
    let key = ("api-key".to_owned(), SecretString::from(KEY));
    let gateway = Gateway::new(
        Clients::new().unwrap(),
        policy,
        RequestLimits::default(),
        Arc::new(Telemetry::new("GUEST")),
    );
    let egress = || gateway.egress(Owner::default(), Mode::Test, Credentials::new([key.clone()]));
    let installation = Installation::ad_hoc(Vec::new());
    let (attempt_id, reserved_at, cursor) = ("an-attempt".to_owned(), 1, None);
    let search = AttemptSearch { attempt_id: attempt_id.clone(), reserved_at, cursor };
    let found = plugin.find_payment(egress().into(), &installation, &search).await.unwrap();
    assert_eq!(found.unwrap(), PaymentSearchResult::Absent);
    let payment = "pi_1".to_owned();
    let search = RefundSearch { payment, attempt_id, reserved_at, cursor: None };
    let found = plugin.find_refund(egress().into(), &installation, &search).await.unwrap();
    assert_eq!(found.unwrap(), RefundSearchResult::Absent);
    let refund = plugin.get_refund(egress().into(), &installation, "re_1").await.unwrap();
    assert_eq!(refund.unwrap_err().problem().code, "refund-not-found");
}

#[tokio::test]
async fn api_key_is_never_in_guest_memory() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = FakeStripe::start(listener, client().unwrap(), Box::new(|_| None)).unwrap();
    let data = tempfile::tempdir().unwrap();
    let provider = format!("https://api.stripe.com=http://{}", fake.address());
    let marketplace = Marketplace::open(
        observed(&seen).await,
        &Options {
            data_dir: data.path(),
            workspace: "default".to_owned(),
            overrides: vec![provider.parse().unwrap()],
            clock: crate::clock::Clock::default(),
            limits: crate::limits::Limits::default(),
        },
    )
    .unwrap();

    let connection = marketplace.install(options(KEY, None)).await.unwrap();
    marketplace.repair().await.unwrap();
    marketplace.status().await.unwrap();
    // A rotation is a repair with a new key.
    marketplace.install(options(NEW_KEY, Some(SECRET))).await.unwrap();
    let order = |reference: &str, capture_method| PaymentOrder {
        reference: reference.to_owned(),
        amount: Money { minor_units: 1050, currency: "usd".to_owned() },
        description: None,
        success_url: "https://example.com/thank-you".to_owned(),
        cancel_url: None,
        expires_at: None,
        capture_method,
    };
    let customer = client().unwrap();
    for (reference, capture_method) in
        [("order-1", CaptureMethod::Automatic), ("order-2", CaptureMethod::Manual)]
    {
        let page = marketplace.pay(order(reference, capture_method)).await.unwrap();
        let page = page.stored.checkout_url.unwrap();
        let form = customer.post(page).body("card=4242424242424242");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        form.send().await.unwrap();
        marketplace.payment(reference).await.unwrap();
    }
    marketplace.complete("order-2", None).await.unwrap();
    marketplace.refund("order-1", "part", Some(50)).await.unwrap();
    marketplace.pay(order("order-3", CaptureMethod::Automatic)).await.unwrap();
    marketplace.cancel("order-3").await.unwrap();
    marketplace.reconcile(|_| ()).await.unwrap();
    let (_, query) = connection.webhook_url.split_once('?').unwrap();
    for query in [query, "provider=STRIPE"] {
        let request = crate::contract::types::WebhookRequest {
            headers: vec![("stripe-signature".to_owned(), "t=1,v1=00".to_owned())],
            query: query.to_owned(),
            body: b"{}".to_vec(),
        };
        let target = crate::marketplace::DeliveryTarget::parse(query);
        marketplace.deliver(1, &target, crate::sender::Sender::default(), request).await;
    }
    search_for_attempts(marketplace.plugin(), &provider).await;
    marketplace.uninstall(false).await.unwrap();

    let seen = seen.lock().unwrap();
    assert!(seen.calls >= 20, "{} calls", seen.calls);
    assert!(seen.bytes >= seen.calls * 65536, "{} bytes", seen.bytes);
    // The search finds what the plugin does get, so a key that is not found is not there.
    assert_eq!(seen.found, BTreeSet::from([SECRET]));
}
