//! A minimal host: it loads a component and verifies one delivery with it.
//!
//! `WEBHOOK_SECRET=whsec_… cargo run -p host-test --example marketplace -- COMPONENT BODY_FILE
//! SIGNATURE RECEIVED_AT`

#![allow(missing_docs)]

use std::time::Instant;
use wasmtime::component::{Component, HasSelf, Linker};

use wasmtime::{Config, Engine, ResourceLimiter, Result, Store};

wasmtime::component::bindgen!({ path: "../wit", world: "payment-plugin" });
use brain_studio::payments::{http, types};

/// How much memory a call may use, in bytes. Source: the contract.
const MAXIMUM_MEMORY: usize = 64 << 20;

/// The state of one call: how much memory it uses.
#[derive(Default)]
struct Host {
    memory: usize,
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, now: usize, wanted: usize, _: Option<usize>) -> Result<bool> {
        let all = self.memory + (wanted - now);
        let may_grow = all <= MAXIMUM_MEMORY;
        if may_grow {
            self.memory = all;
        }
        Ok(may_grow)
    }

    fn table_growing(&mut self, _: usize, wanted: usize, _: Option<usize>) -> Result<bool> {
        Ok(wanted <= 20_000)
    }
}

impl types::Host for Host {}

impl http::Host for Host {
    /// A marketplace sends the requests here, only to the origins of the manifest and with the merchant's
    /// credentials. The Stripe plugin needs no request to verify a delivery.
    fn send(&mut self, requests: Vec<http::Request>) -> Vec<Result<http::Response, http::Failure>> {
        let (kind, message) = (http::FailureKind::Denied, "this host sends no requests".to_owned());
        vec![Err(http::Failure { kind, message, request_sent: false }); requests.len()]
    }
}

/// Verifies a delivery with the plugin and a signing secret. Returns the result for a person, and what it took.
pub fn verify(
    component: &[u8],
    secret: &str,
    body: Vec<u8>,
    signature: &str,
    now: u64,
) -> Result<String> {
    // Once per process: the engine. Once per component: compiling and linking. The component of a stranger is
    // compiled in a process with limits, as `host-test` does: it could take hours and all of the memory.
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let begun = Instant::now();
    let component = Component::from_binary(&engine, component)?;
    let compiling = begun.elapsed();
    let mut linker = Linker::new(&engine);
    PaymentPlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    let plugin = PaymentPluginPre::new(linker.instantiate_pre(&component)?)?;

    // For each call: a store with limits of memory and time.
    let begun = Instant::now();
    let mut store = Store::new(&engine, Host::default());
    store.limiter(|host| host);
    store.set_hostcall_fuel(2 << 20);
    store.set_epoch_deadline(1);
    let weak = engine.weak();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(1));
        weak.upgrade().inspect(Engine::increment_epoch)
    });
    let plugin = plugin.instantiate(&mut store)?;
    let provider = plugin.brain_studio_payments_payment_provider();
    let names = provider.call_describe(&mut store)?.signature_headers;
    let headers = names.into_iter().map(|name| (name, signature.to_owned())).collect();
    let request = types::WebhookRequest { headers, query: String::new(), body };
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
    let outcome = provider.call_handle_webhook(&mut store, context, &installation, &request)?;
    let took = format!(
        "compiled in {compiling:.1?}, called in {:.1?} with {} KiB",
        begun.elapsed(),
        store.data().memory >> 10
    );
    let said = match outcome {
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
    };
    Ok(format!("{said}; {took}"))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, body_file, signature, received_at] = arguments.as_slice() else {
        return Err(wasmtime::Error::msg("give COMPONENT BODY_FILE SIGNATURE RECEIVED_AT"));
    };
    let (component, body) = (std::fs::read(component)?, std::fs::read(body_file)?);
    let secret = std::env::var("WEBHOOK_SECRET")?;
    println!("{}", verify(&component, &secret, body, signature, received_at.parse()?)?);
    Ok(())
}
