//! The fake as a test, the demo and the command line use it.

mod changes;
mod failing_refunds;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;

use crate::account::AccountMode;
use crate::delivery::{Attempt, DeliverTo};
use crate::lock::lock;
use crate::objects::{Event, WebhookEndpoint, now};
use crate::server::{ApiRequest, Server};
use crate::signature::signature;
use crate::{api, page, trigger};

/// A running fake Stripe. It stops when this is dropped.
pub struct FakeStripe {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl FakeStripe {
    /// Starts it on a listener. It delivers with the client, to the address that `deliver_to` gives for
    /// a registered URL.
    ///
    /// # Errors
    ///
    /// The listener has no address.
    pub fn start(
        listener: TcpListener,
        client: reqwest::Client,
        deliver_to: Box<DeliverTo>,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let server = Arc::new(Server::new(address, client, deliver_to));
        let router = Router::new()
            .route("/v1/{*path}", any(api::answer))
            .route("/v2/{*path}", any(api::answer))
            .route("/c/pay/{session}", get(page::show).post(page::pay))
            .route("/c/pay/{session}/authenticate", post(page::authenticate))
            .route(
                "/c/authenticate/{intent}",
                get(page::show_authentication).post(page::authenticate_intent),
            )
            .route("/c/pay/{session}/voucher", get(page::show_voucher).post(page::settle_voucher))
            .route(trigger::PATH, post(trigger::answer))
            .route(failing_refunds::PATH, post(failing_refunds::answer))
            .with_state(Arc::clone(&server))
            .into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, server, task })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request of the API so far, such as `GET /v1/account`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.server.requests).iter().map(ApiRequest::name).collect()
    }

    /// Every request of the API so far, with its parameters.
    #[must_use]
    pub fn requests_with_params(&self) -> Vec<ApiRequest> {
        lock(&self.server.requests).clone()
    }

    /// How many requests of the API there were so far.
    #[must_use]
    pub fn number_of_requests(&self) -> usize {
        lock(&self.server.requests).len()
    }

    /// Forgets the requests so far: a long simulation needs the memory.
    pub fn forget_requests(&self) {
        lock(&self.server.requests).clear();
    }

    /// Waits until a request has met the fault.
    pub async fn fault_met(&self) {
        let mut met = lock(&self.server.faults).met();
        // An error means that the state is gone, which this holds.
        let _ = met.wait_for(|met| *met > 0).await;
    }

    /// Every attempt to deliver so far.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.server.outbox.attempts()
    }

    /// Waits until every delivery is done.
    pub async fn delivered(&self) {
        let mut open = self.server.outbox.open();
        // An error means that the outbox is gone, and its deliveries with it.
        let _ = open.wait_for(|count| *count == 0).await;
    }

    /// The ids of the first account's webhook endpoints in a mode.
    #[must_use]
    pub fn endpoint_ids(&self, livemode: bool) -> Vec<String> {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        state.endpoints.iter().map(|endpoint| endpoint.id.clone()).collect()
    }

    /// The signing secrets of the first account's webhook endpoints in a mode.
    #[must_use]
    pub fn endpoint_secrets(&self, livemode: bool) -> Vec<String> {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        state.endpoints.iter().map(|endpoint| endpoint.secret.clone()).collect()
    }

    /// A delivery, signed now and not sent, of each event to each of the first account's webhook endpoints that
    /// listens to it.
    #[must_use]
    pub fn unsent_deliveries(&self, livemode: bool) -> Vec<UnsentDelivery> {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        let deliveries = state.endpoints.iter().flat_map(|endpoint| {
            // Also for an endpoint that was disabled.
            let listens = |event: &&Event| endpoint.enabled_events.contains(&event.event_type);
            let events = state.events.iter().filter(listens);
            events.map(move |event| UnsentDelivery::new(event, endpoint))
        });
        deliveries.collect()
    }

    /// A delivery, signed now and not sent, of the first event of a type.
    #[must_use]
    pub fn unsent_delivery(&self, livemode: bool, event_type: &str) -> Option<UnsentDelivery> {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        let event = state.events.iter().find(|event| event.event_type == event_type)?;
        let endpoint = state.endpoints.iter().find(|one| one.listens_to(event_type))?;
        Some(UnsentDelivery::new(event, endpoint))
    }

    /// Delivers the first event of a type again, as a merchant can ask for in the Dashboard.
    pub fn resend(&self, livemode: bool, event_type: &str) {
        let mut accounts = self.server.accounts();
        let state = accounts.state_mut(AccountMode::of_first_account(livemode));
        if let Some(event) = state.events.iter().find(|event| event.event_type == event_type) {
            self.server.outbox.deliver(event, state);
        }
    }
}

/// A delivery that is not sent.
#[derive(Clone)]
pub struct UnsentDelivery {
    /// `evt_…`
    pub event: String,
    /// The URL of the webhook endpoint, as it is registered.
    pub url: String,
    /// The value of the header `stripe-signature`.
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

impl UnsentDelivery {
    fn new(event: &Event, endpoint: &WebhookEndpoint) -> Self {
        let body = event.bytes();
        Self {
            event: event.id.clone(),
            url: endpoint.url.clone(),
            signature: signature(&endpoint.secret, endpoint.livemode, &body, now()),
            body,
        }
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.task.abort();
    }
}
