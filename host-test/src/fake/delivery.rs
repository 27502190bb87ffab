//! Deliveries: signed, and sent to where `--deliver-origin` says.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use sha2::Sha256;
use tokio::sync::{mpsc, watch};
use url::Url;

use super::Shared;
use super::endpoints::Endpoint;
use super::events::Event;
use super::state::Realm;
use crate::clock::now;
use crate::egress::OriginOverride;
use crate::plugin::hex;

/// How often a delivery is tried. Stripe tries three times over a few hours in test mode.
const ATTEMPTS: u32 = 3;
/// How long it waits after the first failure; twice as long after the next.
const PAUSE: Duration = Duration::from_millis(250);

/// One attempt to deliver an event.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `evt_…`
    pub event: String,
    /// Such as `payment_intent.succeeded`.
    pub event_type: String,
    /// `we_…`
    pub endpoint: String,
    /// The HTTP status of the answer. None: there was none, or nothing is there to deliver to.
    pub status: Option<u16>,
}

/// What is to be delivered, and what became of it.
pub struct Outbox {
    queue: mpsc::UnboundedSender<Delivery>,
    attempts: Mutex<Vec<Attempt>>,
    open: watch::Sender<usize>,
    faults: Mutex<Option<fastrand::Rng>>,
}

/// What is to be delivered, one after the other.
pub type Queue = mpsc::UnboundedReceiver<Delivery>;

/// One event on its way to one endpoint.
pub struct Delivery {
    event: String,
    event_type: String,
    endpoint: String,
    url: String,
    secret: String,
    realm: Realm,
    body: Vec<u8>,
}

/// What becomes of a delivery on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It is sent twice.
    Doubled,
    /// Others overtake it.
    Overtaken,
    /// Nobody ever hears of it.
    Lost,
}

/// Starts what delivers, one after the other. It ends with the fake.
pub fn start(
    shared: &Arc<Shared>,
    deliveries: Queue,
    client: Client,
    origins: Vec<OriginOverride>,
) {
    let worker = Worker { shared: Arc::downgrade(shared), deliveries, held: Vec::new() };
    tokio::spawn(worker.work(client, origins));
}

struct Worker {
    shared: Weak<Shared>,
    deliveries: Queue,
    /// What others overtake.
    held: Vec<Delivery>,
}

impl Worker {
    async fn work(mut self, client: Client, origins: Vec<OriginOverride>) {
        while let Some((delivery, fate)) = self.next().await {
            let url = address(&delivery.url, &origins);
            if fate != Fate::Lost {
                let is_taken = self.deliver(&client, url.as_ref(), &delivery).await;
                if fate == Fate::Doubled {
                    self.deliver(&client, url.as_ref(), &delivery).await;
                }
                let Some(shared) = self.shared.upgrade() else { return };
                let mut state = shared.state();
                let endpoints = &mut state.side_mut(delivery.realm).endpoints;
                if let Some(endpoint) = endpoints.iter_mut().find(|e| e.id == delivery.endpoint) {
                    endpoint.was_tried(is_taken);
                }
            }
            let Some(shared) = self.shared.upgrade() else { return };
            shared.outbox.open.send_modify(|count| *count = count.saturating_sub(1));
        }
    }

    /// What is delivered next, and how it fares.
    async fn next(&mut self) -> Option<(Delivery, Fate)> {
        loop {
            let delivery = match self.deliveries.try_recv() {
                Ok(delivery) => delivery,
                // Everything that could has overtaken it.
                Err(_) if !self.held.is_empty() => {
                    let shared = self.shared.upgrade()?;
                    let chosen = shared.outbox.choose(self.held.len());
                    return Some((self.held.swap_remove(chosen), Fate::Arrives));
                }
                Err(_) => self.deliveries.recv().await?,
            };
            match self.shared.upgrade()?.outbox.fate() {
                Fate::Overtaken => self.held.push(delivery),
                fate => return Some((delivery, fate)),
            }
        }
    }

    /// Tries until it is taken or given up.
    async fn deliver(&self, client: &Client, url: Option<&Url>, delivery: &Delivery) -> bool {
        for attempt in 0..ATTEMPTS {
            let status = match url {
                Some(url) => send(client, url.clone(), delivery).await,
                None => None,
            };
            let Some(shared) = self.shared.upgrade() else { return false };
            shared.outbox.log(delivery, status);
            drop(shared);
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return true;
            }
            if url.is_none() || attempt + 1 == ATTEMPTS {
                break;
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
        }
        false
    }
}

impl Outbox {
    /// Nothing is to be delivered yet.
    pub fn new() -> (Self, Queue) {
        let (queue, deliveries) = mpsc::unbounded_channel();
        let (attempts, open) = (Mutex::new(Vec::new()), watch::Sender::new(0));
        (Self { queue, attempts, open, faults: Mutex::new(None) }, deliveries)
    }

    /// From now on deliveries are lost, doubled and overtaken, in a way that the seed decides.
    pub fn set_faults(&self, seed: Option<u64>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) =
            seed.map(fastrand::Rng::with_seed);
    }

    /// How the next delivery fares: one of six is lost, one doubled, two are overtaken.
    fn fate(&self) -> Fate {
        match self.choose(6) {
            _ if !self.has_faults() => Fate::Arrives,
            0 => Fate::Lost,
            1 => Fate::Doubled,
            2 | 3 => Fate::Overtaken,
            _ => Fate::Arrives,
        }
    }

    fn has_faults(&self) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// One of so many.
    fn choose(&self, number: usize) -> usize {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.as_mut().map_or(0, |faults| faults.usize(..number))
    }

    fn log(&self, delivery: &Delivery, status: Option<u16>) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).push(Attempt {
            event: delivery.event.clone(),
            event_type: delivery.event_type.clone(),
            endpoint: delivery.endpoint.clone(),
            status,
        });
    }

    /// Sends an event to every endpoint that wants it.
    pub fn deliver(&self, event: &Event, endpoints: &[Endpoint]) {
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.wants(&event.kind)) {
            let delivery = Delivery {
                event: event.id.clone(),
                event_type: event.kind.clone(),
                endpoint: endpoint.id.clone(),
                url: endpoint.url.clone(),
                secret: endpoint.secret.clone(),
                realm: endpoint.realm,
                body: event.bytes(),
            };
            self.open.send_modify(|count| *count += 1);
            if self.queue.send(delivery).is_err() {
                self.open.send_modify(|count| *count -= 1);
            }
        }
    }

    /// Every attempt so far.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many deliveries are not done.
    pub fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }
}

/// Where a delivery really goes. None: no `--deliver-origin` says.
fn address(registered: &str, origins: &[OriginOverride]) -> Option<Url> {
    let url = Url::parse(registered).ok()?;
    let replaced = origins.iter().find(|replaced| replaced.from == url.origin())?;
    replaced.to.join(url.as_str().strip_prefix(&url.origin().ascii_serialization())?)
}

async fn send(client: &Client, url: Url, delivery: &Delivery) -> Option<u16> {
    let header = signature(&delivery.secret, delivery.realm.livemode, &delivery.body, now());
    let response = client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", header)
        .body(delivery.body.clone())
        .send()
        .await
        .ok()?;
    Some(response.status().as_u16())
}

/// The header of a delivery: made afresh for each attempt. In test mode a fake `v0` stands beside.
#[must_use]
pub fn signature(secret: &str, livemode: bool, body: &[u8], time: u64) -> String {
    let sign = |key: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key).map_or_else(
            |_| String::new(),
            |mac| {
                let signed = mac.chain_update(format!("{time}.")).chain_update(body);
                hex(&signed.finalize().into_bytes())
            },
        )
    };
    let mut header = format!("t={time},v1={}", sign(secret.as_bytes()));
    if !livemode {
        header.push_str(",v0=");
        header.push_str(&sign(b"not a secret"));
    }
    header
}
