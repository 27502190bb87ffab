//! The connections: how they are accepted and served, and how long a sender may be silent.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::forwarded::is_trusted;
use super::open_connections::{Admission, OpenConnections};
use super::polled_again::PolledAgain;
use super::{Door, Peer};
use crate::limit::Limit;
use crate::sender::Sender;
use crate::telemetry::{SecurityEvent, Telemetry};

/// How many bytes of a connection are read ahead, and so the largest head of a request. The least that hyper allows:
/// the head of a real delivery has less than 1 KB.
const READ_AHEAD: usize = 8 << 10;
/// How long the server waits after a connection could not be accepted. Our own choice.
const PAUSE: Duration = Duration::from_millis(500);
/// How long it waits until a connection is closed, which it has ended in order to accept another one. Our own
/// choice.
const SHORT_PAUSE: Duration = Duration::from_millis(5);

/// Serves connections until `stop` completes. Requests in progress are finished first, if they take no longer
/// than the limit.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    door: &Door,
    telemetry: Option<&Arc<Telemetry>>,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    let head_time = door.limits.head_time;
    http.timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(READ_AHEAD);
    let service = TowerToHyperService::new(router);
    let shutdown = GracefulShutdown::new();
    let open = OpenConnections::new(door.limits.connections);
    let mut tasks = JoinSet::new();
    let mut stop = pin!(stop);
    {
        let mut next = pin!(accept(&listener, &open, telemetry));
        // It is accepted, and has no place yet.
        let mut waiting: Option<(TcpStream, IpAddr)> = None;
        loop {
            if let Some((stream, peer)) = waiting.take() {
                let sender = Sender::from(peer);
                match open.admit(sender, is_trusted(peer, &door.trusted_proxies)) {
                    Admission::Admitted(connection, ended) => {
                        let service = service.clone();
                        let service = service_fn(move |mut request: Request<Incoming>| {
                            let answering = connection.answering();
                            request.extensions_mut().insert(Peer(peer));
                            request.extensions_mut().insert(answering.request());
                            let answer = service.call(request);
                            async move {
                                let _answering = answering;
                                answer.await
                            }
                        });
                        let served = http.serve_connection(TokioIo::new(stream), service);
                        let served = PolledAgain::new(Box::pin(shutdown.watch(served)));
                        tasks.spawn(async move {
                            // How it ends does not matter: a sender that got no answer delivers again.
                            tokio::select! {
                                _ = served => {}
                                _ = ended => {}
                            }
                        });
                    }
                    Admission::Refused => {
                        if let Some(telemetry) = telemetry {
                            telemetry.limit(Limit::Connections, &sender.to_string());
                        }
                    }
                    Admission::Waits => waiting = Some((stream, peer)),
                }
                count(telemetry, &open);
            }
            tokio::select! {
                () = &mut stop => break,
                Some(_) = tasks.join_next() => count(telemetry, &open),
                () = open.freed(), if waiting.is_some() => {}
                accepted = &mut next, if waiting.is_none() => {
                    waiting = Some(accepted);
                    next.set(accept(&listener, &open, telemetry));
                }
            }
        }
    }
    drop(listener);
    // After that time the connections are closed, because their tasks end with the set.
    let _ = tokio::time::timeout(door.limits.shutdown_time, shutdown.shutdown()).await;
}

/// Measures how many connections are open.
fn count(telemetry: Option<&Arc<Telemetry>>, open: &OpenConnections) {
    if let Some(telemetry) = telemetry {
        telemetry.set_in_use(Limit::Connections, open.number(), open.most());
    }
}

/// The next connection, and the address of its sender. An error, such as too many open files, is logged and passes;
/// one that can be closed gives its file.
async fn accept(
    listener: &TcpListener,
    open: &OpenConnections,
    telemetry: Option<&Arc<Telemetry>>,
) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address.ip()),
            // The sender has left before its turn.
            Err(error) if is_of_connection(error.kind()) => {}
            Err(error) => {
                let what = format!("a connection could not be accepted: {error}");
                if let Some(telemetry) = telemetry {
                    telemetry.security(SecurityEvent::Limit, "", what);
                }
                let pause = if open.close_one() { SHORT_PAUSE } else { PAUSE };
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Whether an error concerns one connection only.
fn is_of_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}
