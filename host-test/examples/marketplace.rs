//! A minimal host: it loads a component and verifies one delivery with it.
//!
//! `WEBHOOK_SECRET=whsec_… cargo run -p host-test --example marketplace -- COMPONENT BODY_FILE
//! SIGNATURE RECEIVED_AT`

#![allow(missing_docs)]

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Result, Store, StoreLimits, StoreLimitsBuilder};

wasmtime::component::bindgen!({ path: "../wit", world: "payment-plugin" });
use brain_studio::payments::{http, types};

struct Host(StoreLimits);

impl types::Host for Host {}

impl http::Host for Host {
    /// A marketplace sends the requests here, only to the origins of the manifest and with the merchant's
    /// credentials. The Stripe plugin needs no request to verify a delivery.
    fn send(&mut self, requests: Vec<http::Request>) -> Vec<Result<http::Response, http::Failure>> {
        let (kind, message) = (http::FailureKind::Denied, "this host sends no requests".to_owned());
        vec![Err(http::Failure { kind, message, request_sent: false }); requests.len()]
    }
}

/// Verifies a delivery with the plugin and a signing secret. Returns the result for a person.
pub fn verify(
    component: &[u8],
    secret: &str,
    request: &types::WebhookRequest,
    now: u64,
) -> Result<String> {
    // Once per process: the engine. Once per component: compiling and linking. The component of a stranger is
    // compiled in a process with limits, as `host-test` does: it could take hours and all of the memory.
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let component = Component::from_binary(&engine, component)?;
    let mut linker = Linker::new(&engine);
    PaymentPlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    let plugin = PaymentPluginPre::new(linker.instantiate_pre(&component)?)?;

    // For each call: a store with limits of memory and time.
    let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
    let mut store = Store::new(&engine, Host(limits));
    store.limiter(|host| &mut host.0);
    store.set_hostcall_fuel(2 << 20);
    store.set_epoch_deadline(1);
    let weak = engine.weak();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        weak.upgrade().inspect(Engine::increment_epoch)
    });
    let plugin = plugin.instantiate(&mut store)?;
    let provider = plugin.brain_studio_payments_payment_provider();
    let installation = types::Installation {
        installation_id: "example".to_owned(),
        workspace: String::new(),
        mode: types::Mode::Test,
        account: None,
        webhook: types::WebhookRegistration {
            endpoint_id: None,
            url: String::new(),
            owner: types::WebhookOwner::Merchant,
            verification: types::Verification::ByPlugin,
            signing_secrets: vec![secret.to_owned()],
            problem: None,
        },
        extras: Vec::new(),
    };
    let context = types::Context { now, time_limit_ms: 1000 };
    Ok(match provider.call_handle_webhook(&mut store, context, &installation, request)? {
        Ok(types::WebhookOutcome::Event(types::DeliveredEvent { verified: true, event })) => {
            format!("genuine: {} ({})", event.event_type, event.id)
        }
        Ok(_) => "ignored".to_owned(),
        Err(
            types::WebhookError::Unverified(why)
            | types::WebhookError::Refused(why)
            | types::WebhookError::Unavailable(why)
            | types::WebhookError::Other(why),
        ) => format!("refused: {} ({})", why.message, why.code),
    })
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, body_file, signature, received_at] = arguments.as_slice() else {
        return Err(wasmtime::Error::msg("give COMPONENT BODY_FILE SIGNATURE RECEIVED_AT"));
    };
    let request = types::WebhookRequest {
        headers: vec![("stripe-signature".to_owned(), signature.clone())],
        query: String::new(),
        body: std::fs::read(body_file)?,
    };
    let secret = std::env::var("WEBHOOK_SECRET")?;
    println!("{}", verify(&std::fs::read(component)?, &secret, &request, received_at.parse()?)?);
    Ok(())
}
