//! Deliveries, one after the other. Each is tried once.

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Request, Uri};
use hmac::digest::{KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::state::{Webhook, now};

/// How long an answer may take. Our own choice.
const PATIENCE: Duration = Duration::from_secs(30);

/// A public origin, and the loopback address to which its deliveries go: `https://PUBLIC=http://127.0.0.1:PORT`.
#[derive(Clone, Debug)]
pub struct DeliverOrigin {
    public: String,
    loopback: String,
}

impl FromStr for DeliverOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(public, loopback)| {
            public.starts_with("https://") && loopback.starts_with("http://127.0.0.1:")
        });
        let (public, loopback) =
            parts.ok_or("it has the form https://PUBLIC=http://127.0.0.1:PORT")?;
        Ok(Self { public: public.to_owned(), loopback: loopback.to_owned() })
    }
}

/// One delivery, and what became of it.
#[derive(Clone, Serialize)]
pub struct Delivered {
    event: String,
    url: String,
    /// The status of the answer. None: no answer, or no address that stands in for the URL.
    status: Option<u16>,
}

struct Delivery {
    event: String,
    webhook: Webhook,
    body: String,
}

/// The deliveries to do, and those that are done.
pub struct Outbox {
    queue: mpsc::UnboundedSender<Delivery>,
    queued: AtomicUsize,
    done: watch::Sender<Vec<Delivered>>,
}

impl Outbox {
    /// Starts a task that delivers, and ends when the outbox is dropped.
    pub fn start(origins: Vec<DeliverOrigin>) -> Self {
        let (queue, mut deliveries) = mpsc::unbounded_channel::<Delivery>();
        let done = watch::Sender::new(Vec::new());
        let log = done.clone();
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                let posted = tokio::time::timeout(PATIENCE, post(&delivery, &origins)).await;
                let status = posted.ok().flatten();
                let (event, url) = (delivery.event, delivery.webhook.url);
                log.send_modify(|done: &mut Vec<_>| done.push(Delivered { event, url, status }));
            }
        });
        Self { queue, queued: AtomicUsize::new(0), done }
    }

    /// Sends an event to a webhook.
    pub fn send(&self, event: &str, webhook: &Webhook, body: String) {
        let delivery = Delivery { event: event.to_owned(), webhook: webhook.clone(), body };
        if self.queue.send(delivery).is_ok() {
            self.queued.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Everything that is sent, once it is delivered.
    pub async fn delivered(&self) -> Vec<Delivered> {
        let queued = self.queued.load(Ordering::SeqCst);
        let mut done = self.done.subscribe();
        match done.wait_for(|done| done.len() >= queued).await {
            Ok(done) => done.clone(),
            Err(_) => Vec::new(),
        }
    }
}

/// The signature of a delivery.
#[must_use]
pub fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let Ok(mac) = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    let mac = mac.chain_update(timestamp).chain_update(b".").chain_update(body);
    base16ct::lower::encode_string(&mac.finalize().into_bytes())
}

/// Posts a delivery. None: no answer.
async fn post(delivery: &Delivery, origins: &[DeliverOrigin]) -> Option<u16> {
    let Delivery { webhook, body, .. } = delivery;
    let url = origins.iter().find_map(|origin| {
        let rest = webhook.url.strip_prefix(&origin.public)?;
        rest.starts_with('/').then(|| format!("{}{rest}", origin.loopback))
    })?;
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let timestamp = now().to_string();
    let request = Request::post(uri.path_and_query()?.as_str())
        .header("host", authority.as_str())
        .header("content-type", "application/json")
        .header("andes-timestamp", &timestamp)
        .header("andes-signature", signature(&webhook.secret, &timestamp, body.as_bytes()))
        .body(Full::new(Bytes::from(body.clone())))
        .ok()?;
    let stream = TcpStream::connect(authority.as_str()).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender.send_request(request).await.ok()?.status().as_u16())
}
