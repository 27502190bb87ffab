//! Deliveries of events to webhook endpoints, one after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use url::Url;

use crate::account::{AccountMode, AccountState, Accounts};
use crate::lock::lock;
use crate::objects::{Event, now};
use crate::signature::signature;

/// How often a delivery is tried. Stripe tries three times within hours in test mode.
const ATTEMPTS: u32 = 3;
/// The pause after the first failed attempt. The next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// One attempt to deliver an event.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `evt_…`
    pub event: String,
    /// Such as `payment_intent.succeeded`.
    pub event_type: String,
    /// `we_…`
    pub endpoint: String,
    /// The HTTP status of the answer. None: no answer, or no address to deliver to.
    pub status: Option<u16>,
}

/// The address to which a registered URL is really delivered. None: nowhere.
pub type DeliverTo = dyn Fn(&Url) -> Option<Url> + Send + Sync;

/// The deliveries to do, and what happened to those that are done.
pub struct Outbox {
    queue: mpsc::UnboundedSender<Delivery>,
    log: Arc<Log>,
}

struct Log {
    attempts: Mutex<Vec<Attempt>>,
    /// How many deliveries are not done.
    open: watch::Sender<usize>,
    /// Decides which deliveries are lost, doubled or overtaken. None: no delivery is.
    random: Mutex<Option<fastrand::Rng>>,
}

/// One event for one endpoint.
struct Delivery {
    event: String,
    event_type: String,
    endpoint: String,
    url: String,
    secret: String,
    mode: AccountMode,
    body: Vec<u8>,
}

/// What happens to a delivery on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It arrives twice.
    Doubled,
    /// Later deliveries arrive first.
    Overtaken,
    /// It never arrives.
    Lost,
}

impl Outbox {
    /// Starts a task that delivers, and ends when the outbox is dropped.
    pub fn start(
        accounts: &Arc<Mutex<Accounts>>,
        client: Client,
        deliver_to: Box<DeliverTo>,
    ) -> Self {
        let (queue, deliveries) = mpsc::unbounded_channel();
        let log = Arc::new(Log {
            attempts: Mutex::new(Vec::new()),
            open: watch::Sender::new(0),
            random: Mutex::new(None),
        });
        let worker = Worker {
            accounts: Arc::clone(accounts),
            log: Arc::clone(&log),
            deliveries,
            overtaken: Vec::new(),
            client,
            deliver_to,
        };
        tokio::spawn(worker.run());
        Self { queue, log }
    }

    /// Records an event about an object, and delivers it to every endpoint that listens to it.
    pub fn record_event(&self, state: &mut AccountState, event_type: &str, object: &Value) {
        let listening = state.endpoints.iter().filter(|one| one.listens_to(event_type)).count();
        let cause = state.cause.as_ref();
        let event = Event::new(event_type, object, state.mode.livemode, listening, cause);
        self.deliver(&event, state);
        state.add_event(event);
    }

    /// Delivers an event to every endpoint that listens to it.
    pub fn deliver(&self, event: &Event, state: &AccountState) {
        for endpoint in state.endpoints.iter().filter(|one| one.listens_to(&event.event_type)) {
            let delivery = Delivery {
                event: event.id.clone(),
                event_type: event.event_type.clone(),
                endpoint: endpoint.id.clone(),
                url: endpoint.url.clone(),
                secret: endpoint.secret.clone(),
                mode: state.mode,
                body: event.bytes(),
            };
            self.log.open.send_modify(|count| *count += 1);
            if self.queue.send(delivery).is_err() {
                self.log.open.send_modify(|count| *count -= 1);
            }
        }
    }

    /// From now on some deliveries are lost, doubled or overtaken, decided by a seed. None: no delivery
    /// is.
    pub fn set_disorder(&self, seed: Option<u64>) {
        *lock(&self.log.random) = seed.map(fastrand::Rng::with_seed);
    }

    /// Every attempt so far.
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.log.attempts).clone()
    }

    /// How many deliveries are not done.
    pub fn open(&self) -> watch::Receiver<usize> {
        self.log.open.subscribe()
    }
}

impl Log {
    /// The fate of the next delivery: of six, one is lost, one is doubled and two are overtaken.
    fn fate(&self) -> Fate {
        let mut random = lock(&self.random);
        match random.as_mut().map(|random| random.u8(..6)) {
            Some(0) => Fate::Lost,
            Some(1) => Fate::Doubled,
            Some(2 | 3) => Fate::Overtaken,
            _ => Fate::Arrives,
        }
    }

    /// An index below a length.
    fn choose(&self, length: usize) -> usize {
        lock(&self.random).as_mut().map_or(0, |random| random.usize(..length))
    }
}

struct Worker {
    accounts: Arc<Mutex<Accounts>>,
    log: Arc<Log>,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    overtaken: Vec<Delivery>,
    client: Client,
    deliver_to: Box<DeliverTo>,
}

impl Worker {
    async fn run(mut self) {
        while let Some((delivery, fate)) = self.next().await {
            if fate != Fate::Lost {
                let succeeded = self.deliver(&delivery).await;
                if fate == Fate::Doubled {
                    self.deliver(&delivery).await;
                }
                let mut accounts = lock(&self.accounts);
                let endpoints = &mut accounts.state_mut(delivery.mode).endpoints;
                if let Some(endpoint) = endpoints.iter_mut().find(|e| e.id == delivery.endpoint) {
                    endpoint.count_delivery(succeeded);
                }
            }
            self.log.open.send_modify(|count| *count = count.saturating_sub(1));
        }
    }

    /// The next delivery and its fate. None: the outbox was dropped.
    async fn next(&mut self) -> Option<(Delivery, Fate)> {
        loop {
            let delivery = match self.deliveries.try_recv() {
                Ok(delivery) => delivery,
                // Nothing is left that could overtake.
                Err(_) if !self.overtaken.is_empty() => {
                    let chosen = self.log.choose(self.overtaken.len());
                    return Some((self.overtaken.swap_remove(chosen), Fate::Arrives));
                }
                Err(_) => self.deliveries.recv().await?,
            };
            match self.log.fate() {
                Fate::Overtaken => self.overtaken.push(delivery),
                fate => return Some((delivery, fate)),
            }
        }
    }

    /// Tries until an attempt succeeds, at most three times.
    async fn deliver(&self, delivery: &Delivery) -> bool {
        let url = Url::parse(&delivery.url).ok().and_then(|url| (self.deliver_to)(&url));
        for attempt in 0..ATTEMPTS {
            let status = match &url {
                Some(url) => self.post(url.clone(), delivery).await,
                None => None,
            };
            lock(&self.log.attempts).push(Attempt {
                event: delivery.event.clone(),
                event_type: delivery.event_type.clone(),
                endpoint: delivery.endpoint.clone(),
                status,
            });
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return true;
            }
            if url.is_none() || attempt + 1 == ATTEMPTS {
                break;
            }
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt)).await;
        }
        false
    }

    async fn post(&self, url: Url, delivery: &Delivery) -> Option<u16> {
        let header = signature(&delivery.secret, delivery.mode.livemode, &delivery.body, now());
        let response = self
            .client
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
}
