//! A fake Stripe: stateful, on loopback, with pages on which a customer pays and signed webhooks.
//!
//! It keeps everything in memory. Test and live objects never meet. Texts and shapes are Stripe's
//! own, as far as they are known.
//!
//! A key says itself what it is, by words among its letters:
//!
//! - any `sk_` or `rk_` key of the right shape is accepted, and belongs to one account; one with
//!   `SecondAccount` in it to another;
//! - one that ends in `Invalid` is refused as a wrong key, one that ends in `Expired` as an expired
//!   one;
//! - a restricted key (`rk_`) may do everything that a payment provider needs, but what is named
//!   after `Without`: `Webhook`, `Checkout`, `PaymentIntent`, `Refund`, `Charge`, `Event`, each
//!   alone or with `Write` (`rk_test_51WithoutWebhookWriteRefund`). None may read the account; after
//!   `Without`, `Account` keeps the account's id out of that refusal;
//! - to one with `Secretless` in it a new webhook's secret is not said.

mod api;
mod checkout;
mod command;
mod delivery;
mod destinations;
mod disputes;
mod endpoints;
mod error;
mod events;
mod intents;
mod keys;
mod page;
mod params;
mod refunds;
mod state;
mod trouble;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::egress::OriginOverride;
pub use command::{Command, run};
pub use delivery::{Attempt, signature};
pub use state::Call;
use state::{Realm, State};
pub use trouble::{Trouble, TroubleKind};

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
        let (outbox, deliveries) = delivery::Outbox::new();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            origin: format!("http://{address}"),
            outbox,
        });
        delivery::start(&shared, deliveries, client, deliver_origins);
        let router = Router::new()
            .route("/v1/{*path}", any(api::answer))
            .route("/v2/{*path}", any(api::answer))
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
        self.shared.state().calls.iter().map(Call::name).collect()
    }

    /// Every call of the API so far, with its parameters.
    #[must_use]
    pub fn calls_with_params(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// What goes wrong from now on, if anything.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.shared.state().day.set(trouble);
    }

    /// Waits until a call has met the trouble.
    pub async fn met_trouble(&self) {
        let mut met = self.shared.state().day.met();
        // It ends with an error only when the state is gone, and that is ours.
        let _ = met.wait_for(|met| *met > 0).await;
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
        let realm = Realm::of_first_account(livemode);
        self.shared.state().side_mut(realm).endpoints.iter().map(|e| e.id.clone()).collect()
    }

    /// From now on deliveries are lost, doubled and overtaken by others, in a way that the seed
    /// decides. None: they arrive once and in order.
    pub fn set_faults(&self, seed: Option<u64>) {
        self.shared.outbox.set_faults(seed);
    }

    /// A delivery of each event that a webhook of the first account listens to, signed now and not
    /// sent.
    #[must_use]
    pub fn deliveries(&self, livemode: bool) -> Vec<HeldBack> {
        let mut state = self.shared.state();
        let side = state.side_mut(Realm::of_first_account(livemode));
        let Some(endpoint) = side.endpoints.first() else { return Vec::new() };
        let events =
            side.events.iter().filter(|event| endpoint.enabled_events.contains(&event.kind));
        events.map(|event| HeldBack::of(event, endpoint, livemode)).collect()
    }

    /// Delivers the first event of a type again, signed afresh, as a merchant may ask for.
    pub fn resend(&self, livemode: bool, event_type: &str) {
        let mut state = self.shared.state();
        let side = state.side_mut(Realm::of_first_account(livemode));
        if let Some(event) = side.events.iter().find(|event| event.kind == event_type) {
            self.shared.outbox.deliver(event, &side.endpoints);
        }
    }

    /// A delivery of the first event of a type as its first endpoint would be sent it now, and not
    /// sent.
    #[must_use]
    pub fn held_back(&self, livemode: bool, event_type: &str) -> Option<HeldBack> {
        let mut state = self.shared.state();
        let side = state.side_mut(Realm::of_first_account(livemode));
        let event = side.events.iter().find(|event| event.kind == event_type)?;
        let endpoint = side.endpoints.iter().find(|endpoint| endpoint.wants(event_type))?;
        Some(HeldBack::of(event, endpoint, livemode))
    }
}

/// A delivery that has not been sent.
#[derive(Clone)]
pub struct HeldBack {
    /// `evt_…`
    pub event: String,
    /// The endpoint's, as it was registered.
    pub url: String,
    /// The value of the signature's header.
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

impl HeldBack {
    fn of(event: &events::Event, endpoint: &endpoints::Endpoint, livemode: bool) -> Self {
        let body = event.bytes();
        Self {
            event: event.id.clone(),
            url: endpoint.url.clone(),
            signature: signature(&endpoint.secret, livemode, &body, crate::clock::now()),
            body,
        }
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}
