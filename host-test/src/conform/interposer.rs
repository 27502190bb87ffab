//! Stands between the plugin's requests and the fake: records each exchange, and lets some of them go wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use reqwest::Client;
use serde_json::Value;

use super::error::KitError;
use super::evidence::{Evidence, shown};
use super::exchange::{Exchange, is_read};
use super::fault::{Fault, UNKNOWN_NUMBER, UNKNOWN_WORD, Which};
use super::listener::{Answer, Closed, Listener, answer, silence};

/// What is recorded, and what goes wrong.
#[derive(Default)]
struct Wire {
    exchanges: Vec<Exchange>,
    fault: Option<(Which, Fault)>,
    /// How many requests of the plugin there were since the fault was set.
    since: usize,
    has_written: bool,
}

impl Wire {
    /// What becomes of the plugin's next request.
    fn next_fault(&mut self, is_write: bool) -> Option<Fault> {
        self.since += 1;
        let is_first_write = is_write && !self.has_written;
        self.has_written |= is_write;
        let (which, fault) = self.fault?;
        let is_meant = match which {
            Which::Every => true,
            Which::Number(number) => number == self.since,
            Which::FirstWrite => is_first_write,
            Which::FromFirstWrite => self.has_written,
        };
        is_meant.then_some(fault)
    }
}

/// The interposer of one case. It has a port for each origin.
pub struct Interposer {
    wire: Arc<Mutex<Wire>>,
    evidence: Evidence,
    client: Client,
    status_fields: Arc<[String]>,
    reads: Arc<[String]>,
    listeners: Vec<Listener>,
}

/// An origin that it stands in for.
pub struct Origin {
    /// The origin of the manifest.
    pub name: String,
    /// The fake's address. None: there is none, and each request is refused.
    pub upstream: Option<String>,
    /// The paths of token URLs: only the host calls them.
    pub token_paths: Vec<String>,
}

impl Interposer {
    /// An interposer without origins.
    pub fn new(
        client: Client,
        evidence: Evidence,
        status_fields: &[String],
        reads: &[String],
    ) -> Self {
        let (wire, listeners) = (Arc::default(), Vec::new());
        let (status_fields, reads) = (status_fields.into(), reads.into());
        Self { wire, evidence, client, status_fields, reads, listeners }
    }

    /// Stands in for an origin. Returns the address.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn stand_in(&mut self, origin: Origin) -> Result<String, KitError> {
        let port = Arc::new(Port {
            origin,
            wire: Arc::clone(&self.wire),
            evidence: self.evidence.clone(),
            client: self.client.clone(),
            status_fields: Arc::clone(&self.status_fields),
            reads: Arc::clone(&self.reads),
        });
        let answer: Arc<Answer> = Arc::new(move |head, body| {
            let port = Arc::clone(&port);
            Box::pin(async move { port.answer(head, body).await })
        });
        let listener = Listener::start(answer).await?;
        let address = listener.origin();
        self.listeners.push(listener);
        Ok(address)
    }

    fn lock(&self) -> MutexGuard<'_, Wire> {
        lock(&self.wire)
    }

    /// From now on these requests go wrong.
    pub fn set_fault(&self, which: Which, fault: Fault) {
        let mut wire = self.lock();
        wire.fault = Some((which, fault));
        wire.since = 0;
        wire.has_written = false;
    }

    /// From now on nothing goes wrong.
    pub fn clear_fault(&self) {
        self.lock().fault = None;
    }

    /// How many exchanges there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().exchanges.len()
    }

    /// The plugin's exchanges after the first so many of all.
    #[must_use]
    pub fn since(&self, mark: usize) -> Vec<Exchange> {
        let wire = self.lock();
        wire.exchanges.iter().skip(mark).filter(|exchange| !exchange.is_of_host).cloned().collect()
    }

    /// Every exchange, also the host's own.
    #[must_use]
    pub fn all(&self) -> Vec<Exchange> {
        self.lock().exchanges.clone()
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One origin's port.
struct Port {
    origin: Origin,
    wire: Arc<Mutex<Wire>>,
    evidence: Evidence,
    client: Client,
    status_fields: Arc<[String]>,
    reads: Arc<[String]>,
}

impl Port {
    async fn answer(&self, head: Parts, body: Bytes) -> Result<Response<Body>, Closed> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let is_of_host = self.origin.token_paths.iter().any(|path| path == head.uri.path());
        let is_write = !is_read(&head.method, head.uri.path(), &self.reads);
        let (number, fault) = {
            let mut wire = lock(&self.wire);
            let fault = if is_of_host { None } else { wire.next_fault(is_write) };
            wire.exchanges.push(Exchange {
                origin: self.origin.name.clone(),
                method: head.method.to_string(),
                target: target.clone(),
                headers: head.headers.clone(),
                body: body.clone(),
                status: None,
                is_of_host,
                is_write,
            });
            (wire.exchanges.len() - 1, fault)
        };
        let sent = format!("{} {}{target}", head.method, self.origin.name);
        let sent = if is_write { format!("{sent} with {}", shown(&body)) } else { sent };
        let answered = self.answer_with(fault, &head, &target, body).await;
        let status = answered.as_ref().ok().map(|(status, _)| *status);
        if let Some(exchange) = lock(&self.wire).exchanges.get_mut(number) {
            exchange.status = status;
        }
        let said = fault.map_or_else(String::new, |fault| format!(" [{fault}]"));
        let Ok((status, response)) = answered else {
            self.evidence.add(&format!("{sent} → no answer{said}"));
            return Err(Closed);
        };
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Closed)?;
        self.evidence.add(&format!("{sent} → {status}, {}{said}", shown(&body)));
        Ok(Response::from_parts(head, Body::from(body)))
    }

    async fn answer_with(
        &self,
        fault: Option<Fault>,
        head: &Parts,
        target: &str,
        body: Bytes,
    ) -> Result<(u16, Response<Body>), Closed> {
        match fault {
            Some(Fault::CutBefore) => return Err(Closed),
            Some(Fault::Silent) => match silence().await {},
            Some(Fault::Status(status)) => {
                let text = format!(r#"{{"message":"status {status}"}}"#);
                return Ok((status, answer(status, "application/json", text)));
            }
            _ => {}
        }
        let Some(upstream) = &self.origin.upstream else {
            let text = r#"{"message":"the scenario has no address for this origin"}"#;
            return Ok((502, answer(502, "application/json", text)));
        };
        let Ok(reply) = self.forward(upstream, head, target, body).await else {
            return Ok((502, answer(502, "application/json", r#"{"message":"no fake"}"#)));
        };
        let status = reply.status().as_u16();
        let headers = reply.headers().clone();
        let body = reply.bytes().await.map_err(|_| Closed)?;
        let (status, content_type, body) = match fault {
            None => return Ok((status, with_headers(status, &headers, body))),
            Some(Fault::UnknownStatus) => {
                let body = with_unknown_status(&body, &self.status_fields).unwrap_or(body);
                return Ok((status, with_headers(status, &headers, body)));
            }
            Some(Fault::Truncated) => {
                let half = body.slice(..body.len() / 2);
                (status, "application/json", half)
            }
            Some(Fault::Empty) => (status, "application/json", Bytes::new()),
            Some(Fault::Html) => {
                (200, "text/html", Bytes::from_static(b"<html><h1>Maintenance</h1></html>"))
            }
            Some(Fault::FailsAfter) => {
                (500, "application/json", Bytes::from_static(br#"{"message":"status 500"}"#))
            }
            // What is answered without the provider has been answered above.
            Some(Fault::CutAfter | Fault::CutBefore | Fault::Silent | Fault::Status(_)) => {
                return Err(Closed);
            }
        };
        Ok((status, answer(status, content_type, body)))
    }

    async fn forward(
        &self,
        upstream: &str,
        head: &Parts,
        target: &str,
        body: Bytes,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let mut headers = head.headers.clone();
        for name in ["host", "connection", "content-length", "transfer-encoding"] {
            headers.remove(name);
        }
        let url = format!("{upstream}{target}");
        self.client.request(head.method.clone(), url).headers(headers).body(body).send().await
    }
}

fn with_headers(status: u16, headers: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut response = answer(status, "application/json", body);
    *response.headers_mut() = headers.clone();
    for name in ["connection", "content-length", "transfer-encoding", "keep-alive"] {
        response.headers_mut().remove(name);
    }
    response
}

/// The body with a made-up word in each of these fields. None: it is no JSON.
fn with_unknown_status(body: &[u8], fields: &[String]) -> Option<Bytes> {
    let mut json: Value = serde_json::from_slice(body).ok()?;
    make_up(&mut json, fields);
    serde_json::to_vec(&json).ok().map(Bytes::from)
}

fn make_up(json: &mut Value, fields: &[String]) {
    match json {
        Value::Array(values) => values.iter_mut().for_each(|value| make_up(value, fields)),
        Value::Object(members) => {
            for (name, value) in members {
                if value.is_string() && fields.contains(name) {
                    *value = Value::from(UNKNOWN_WORD);
                } else if value.is_number() && fields.contains(name) {
                    *value = Value::from(UNKNOWN_NUMBER);
                } else {
                    make_up(value, fields);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_made_up_at_any_depth() {
        let fields = ["status".to_owned()];
        let body =
            br#"{"status":"paid","list":[{"status":"done","n":9007199254740993}],"code":"paid"}"#;
        let changed = with_unknown_status(body, &fields).unwrap();
        let expected = format!(
            r#"{{"code":"paid","list":[{{"n":9007199254740993,"status":"{UNKNOWN_WORD}"}}],"status":"{UNKNOWN_WORD}"}}"#
        );
        assert_eq!(str::from_utf8(&changed).unwrap(), expected);
        assert!(with_unknown_status(b"<html>", &fields).is_none());
        let number = with_unknown_status(br#"{"status":2}"#, &fields).unwrap();
        assert_eq!(number, format!(r#"{{"status":{UNKNOWN_NUMBER}}}"#));
    }
}
