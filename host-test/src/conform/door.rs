//! The door for deliveries: records each one as it came, and passes it on to the marketplace, if there is one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use reqwest::Client;
use tokio::sync::watch;

use super::error::KitError;
use super::evidence::{Evidence, shown};
use super::listener::{Answer, Closed, Listener, answer};
use crate::clock;
use crate::contract::types::WebhookRequest;

/// How long a delivery is awaited. Our own choice: a fake delivers at once.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A delivery as it came.
#[derive(Clone)]
pub struct Delivery {
    /// The path.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When it came, in Unix seconds.
    pub received_at: u64,
    /// What the marketplace has made of it: the verdict of its answer. Empty: it was kept.
    pub outcome: String,
}

impl Delivery {
    /// As the plugin is given it.
    #[must_use]
    pub fn request(&self) -> WebhookRequest {
        let value = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = self.headers.iter();
        WebhookRequest {
            headers: headers.map(|(name, of)| (name.to_string(), value(of.as_bytes()))).collect(),
            query: self.query.clone(),
            body: self.body.to_vec(),
        }
    }
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassOn {
    /// It is kept and answered with 200.
    Nowhere,
    /// It goes to the marketplace's public door at this origin.
    To(String),
    /// It goes to that door with another query.
    WithQuery(String, String),
}

/// The door of one case.
pub struct Door {
    listener: Listener,
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    evidence: Evidence,
    pass_on: Mutex<PassOn>,
    deliveries: watch::Sender<Vec<Delivery>>,
}

impl Door {
    /// A door that keeps deliveries.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn open(client: Client, evidence: Evidence) -> Result<Self, KitError> {
        let pass_on = Mutex::new(PassOn::Nowhere);
        let deliveries = watch::Sender::new(Vec::new());
        let inner = Arc::new(Inner { client, evidence, pass_on, deliveries });
        let answering = Arc::clone(&inner);
        let answer: Arc<Answer> = Arc::new(move |head, body| {
            let inner = Arc::clone(&answering);
            Box::pin(async move { inner.answer(head, body).await })
        });
        Ok(Self { listener: Listener::start(answer).await?, inner })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        self.listener.origin()
    }

    /// From now on deliveries are passed on so.
    pub fn pass_on(&self, pass_on: PassOn) {
        *self.inner.pass_on.lock().unwrap_or_else(PoisonError::into_inner) = pass_on;
    }

    /// The deliveries so far.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.deliveries.borrow().clone()
    }

    /// Waits until the deliveries are enough. `false`: they were not in time.
    pub async fn wait(&self, is_enough: impl FnMut(&Vec<Delivery>) -> bool) -> bool {
        let mut deliveries = self.inner.deliveries.subscribe();
        let waiting = deliveries.wait_for(is_enough);
        tokio::time::timeout(LONGEST_WAIT, waiting).await.is_ok_and(|found| found.is_ok())
    }
}

impl Inner {
    async fn answer(&self, head: Parts, body: Bytes) -> Result<Response<Body>, Closed> {
        let received_at = clock::now();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let pass_on = self.pass_on.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let url = match &pass_on {
            PassOn::Nowhere => None,
            PassOn::To(origin) => Some(format!("{origin}{path}?{query}")),
            PassOn::WithQuery(origin, other) => Some(format!("{origin}{path}?{other}")),
        };
        let (status, said) = match url {
            None => (200, Bytes::new()),
            Some(url) => {
                let mut headers = head.headers.clone();
                for name in ["host", "connection", "content-length", "transfer-encoding"] {
                    headers.remove(name);
                }
                let sent = self.client.post(url).headers(headers).body(body.clone()).send().await;
                let reply = sent.map_err(|_| Closed)?;
                (reply.status().as_u16(), reply.bytes().await.map_err(|_| Closed)?)
            }
        };
        let kept = if pass_on == PassOn::Nowhere { " (kept, not passed on)" } else { "" };
        let line = format!(
            "delivery to {path}?{query} with {} → {status}, {}{kept}",
            shown(&body),
            shown(&said)
        );
        self.evidence.add(&line);
        let delivery = Delivery {
            path: path.to_owned(),
            query: query.to_owned(),
            headers: head.headers.clone(),
            body,
            received_at,
            outcome: outcome_of(&said),
        };
        self.deliveries.send_modify(|deliveries| deliveries.push(delivery));
        Ok(answer(status, "application/json", said))
    }
}

fn outcome_of(said: &[u8]) -> String {
    let said: serde_json::Value = serde_json::from_slice(said).unwrap_or_default();
    said.pointer("/verdict").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}
