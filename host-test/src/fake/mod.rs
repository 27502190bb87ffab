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
pub use delivery::Attempt;
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
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
        self.shared
            .state()
            .side(livemode)
            .endpoints
            .iter()
            .map(|e| e.id.clone())
            .collect()
    }

    /// Delivers the first event of a type again, signed afresh, as a merchant may ask for.
    pub fn resend(&self, livemode: bool, event_type: &str) {
        let state = self.shared.state();
        if let Some(event) = state
            .side(livemode)
            .events
            .iter()
            .find(|e| e.kind == event_type)
        {
            let endpoints = &state.side(livemode).endpoints;
            self.shared.outbox.deliver(event, endpoints);
        }
    }

    /// Signs a body as the endpoint would be sent it now, and gives its URL and the header.
    #[must_use]
    pub fn sign(&self, livemode: bool, endpoint: &str, body: &[u8]) -> Option<(String, String)> {
        let state = self.shared.state();
        let endpoint = state
            .side(livemode)
            .endpoints
            .iter()
            .find(|e| e.id == endpoint)?;
        let header = delivery::signature(&endpoint.secret, livemode, body, state::now());
        Some((endpoint.url.clone(), header))
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}
