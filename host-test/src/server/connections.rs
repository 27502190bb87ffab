//! The connections: how many are open at the same time, and how long a sender may be silent.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::DoorLimits;

/// How many bytes of a connection are read ahead, and so the largest head of a request. The least that hyper allows:
/// the head of a real delivery has less than 1 KB.
const READ_AHEAD: usize = 8 << 10;
/// How long the server waits after a connection could not be accepted. Our own choice.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves connections until `stop` completes. Requests in progress are finished first, if they take no longer
/// than the limit.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &DoorLimits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(READ_AHEAD);
    let service = TowerToHyperService::new(router);
    let shutdown = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    {
        let mut next = pin!(accept(&listener));
        loop {
            let has_place = connections.len() < limits.connections;
            tokio::select! {
                () = &mut stop => break,
                // How it ended does not matter: a sender that got no answer delivers again.
                Some(_) = connections.join_next() => {}
                stream = &mut next, if has_place => {
                    let connection = http.serve_connection(TokioIo::new(stream), service.clone());
                    connections.spawn(shutdown.watch(connection));
                    next.set(accept(&listener));
                }
            }
        }
    }
    drop(listener);
    // After that time the connections are closed, because their tasks end with the set.
    let _ = tokio::time::timeout(limits.shutdown_time, shutdown.shutdown()).await;
}

/// The next connection. An error, such as too many open files, is logged and passes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The sender has left before its turn.
            Err(error) if is_of_connection(error.kind()) => {}
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(PAUSE).await;
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
