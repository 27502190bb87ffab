//! A small HTTP server on loopback that may close a connection instead of answering.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::error::KitError;

/// The largest body that it reads, in bytes: what the contract allows for a response.
const LARGEST_BODY: usize = 4 << 20;

/// The connection is closed, and nothing is answered.
#[derive(Debug, Error)]
#[error("the connection is closed")]
pub struct Closed;

/// Answers one request. A connection serves one: none that was closed is used again.
pub type Answer =
    dyn Fn(Parts, Bytes) -> BoxFuture<'static, Result<Response<Body>, Closed>> + Send + Sync;

/// A listener, which stops when this is dropped.
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Listens on a free port of this computer.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn start(answer: Arc<Answer>) -> Result<Self, KitError> {
        let failed = |error| KitError::Host(format!("no port could be opened: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| respond(Arc::clone(&answer), request));
                let connection = http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Ok(Self { address, task: task.abort_handle() })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn respond(
    answer: Arc<Answer>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(Body::new(body), LARGEST_BODY).await.map_err(|_| Closed)?;
    answer(head, body).await
}

/// An answer without headers but its type.
#[must_use]
pub fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status.try_into().unwrap_or_default();
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert("content-type", value);
    }
    response
}

/// A future that never ends in this run: the other end waits until its own time is over.
pub async fn silence() -> Infallible {
    std::future::pending().await
}
