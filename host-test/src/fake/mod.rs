//! A fake Stripe: stateful, on loopback, with pages on which a customer pays and signed webhooks.
//!
//! It keeps everything in memory. Test and live objects never meet. Texts and shapes are Stripe's
//! own, as far as they are known.
//!
//! Keys: any `sk_` or `rk_` key of the right shape is accepted. One that ends in `Invalid` is
//! refused as a wrong key, one that ends in `Expired` as an expired one.

mod api;
mod checkout;
mod command;
mod delivery;
mod endpoints;
mod error;
mod events;
mod intents;
mod keys;
mod page;
mod params;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::egress::OriginOverride;
pub use command::{Command, run};
pub use delivery::{Attempt, signature};
use state::State;

/// A fake Stripe that is running. It stops when this is dropped.
pub struct FakeStripe {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// What the requests and the deliveries share.
struct Shared {
    state: Mutex<State>,
    /// Where its pages are.
    origin: String,
    outbox: delivery::Outbox,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeStripe {
    /// Starts it on a listener.
    ///
    /// # Errors
    ///
    /// The listener or the HTTP client cannot be used.
    pub fn start(
        listener: TcpListener,
        deliver_origins: Vec<OriginOverride>,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let client = crate::egress::client().map_err(std::io::Error::other)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            origin: format!("http://{address}"),
            outbox: delivery::Outbox::start(client, deliver_origins),
        });
        let router = Router::new()
            .route("/v1/{*path}", any(api::answer))
            .route("/c/pay/{session}", get(page::show).post(page::pay))
            .route("/c/pay/{session}/authenticate", post(page::authenticate))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, shared, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every call of the API so far, such as `GET /v1/account`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.shared.state().calls.clone()
    }

    /// Every attempt to deliver so far.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.shared.outbox.attempts()
    }

    /// Waits until nothing is left to deliver.
    pub async fn delivered(&self) {
        let mut open: watch::Receiver<usize> = self.shared.outbox.open();
        // It ends with an error only when the outbox is gone: then nothing is left either.
        let _ = open.wait_for(|count| *count == 0).await;
    }

    /// The ids of the webhook endpoints of a mode.
    #[must_use]
    pub fn endpoint_ids(&self, livemode: bool) -> Vec<String> {
        self.shared.state().side(livemode).endpoints.iter().map(|e| e.id.clone()).collect()
    }

    /// Delivers the first event of a type again, signed afresh, as a merchant may ask for.
    pub fn resend(&self, livemode: bool, event_type: &str) {
        let state = self.shared.state();
        if let Some(event) = state.side(livemode).events.iter().find(|e| e.kind == event_type) {
            let endpoints = &state.side(livemode).endpoints;
            self.shared.outbox.deliver(event, endpoints);
        }
    }

    /// A delivery of the first event of a type as its first endpoint would be sent it now, and not
    /// sent.
    #[must_use]
    pub fn held_back(&self, livemode: bool, event_type: &str) -> Option<HeldBack> {
        let state = self.shared.state();
        let side = state.side(livemode);
        let event = side.events.iter().find(|event| event.kind == event_type)?;
        let endpoint = side.endpoints.iter().find(|endpoint| endpoint.wants(event_type))?;
        let body = event.bytes();
        Some(HeldBack {
            url: endpoint.url.clone(),
            signature: signature(&endpoint.secret, livemode, &body, crate::clock::now()),
            body,
        })
    }
}

/// A delivery that has not been sent.
#[derive(Clone)]
pub struct HeldBack {
    /// The endpoint's, as it was registered.
    pub url: String,
    /// The value of the signature's header.
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}
