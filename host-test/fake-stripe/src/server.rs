//! What the API, the pages and the deliveries share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use reqwest::Client;

use crate::account::Accounts;
use crate::delivery::{DeliverTo, Outbox};
use crate::fault::FaultInjector;
use crate::lock::lock;
use crate::settings::Settings;

/// The state of a running fake.
pub struct Server {
    /// Every account in both modes.
    pub accounts: Arc<Mutex<Accounts>>,
    /// The events to deliver.
    pub outbox: Outbox,
    /// The fault of the next requests.
    pub faults: Mutex<FaultInjector>,
    /// What is unusual about every answer.
    pub settings: Mutex<Settings>,
    /// Every request of the API so far.
    pub requests: Mutex<Vec<ApiRequest>>,
    /// The origin of the pages.
    pub origin: String,
}

impl Server {
    /// Nothing has happened yet. `address`: where it listens.
    pub fn new(address: SocketAddr, client: Client, deliver_to: Box<DeliverTo>) -> Self {
        let accounts = Arc::new(Mutex::new(Accounts::default()));
        Self {
            outbox: Outbox::start(&accounts, client, deliver_to),
            accounts,
            faults: Mutex::new(FaultInjector::default()),
            settings: Mutex::new(Settings::default()),
            requests: Mutex::new(Vec::new()),
            origin: format!("http://{address}"),
        }
    }

    /// Locks the accounts.
    pub fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    /// What is unusual about every answer now.
    pub fn settings(&self) -> Settings {
        *lock(&self.settings)
    }
}

/// A request of the API.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// Such as `GET`.
    pub method: String,
    /// Such as `/v1/account`.
    pub path: String,
    /// The parameters in the query or in the body.
    pub params: Vec<(String, String)>,
}

impl ApiRequest {
    /// Method and path, such as `GET /v1/account`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
