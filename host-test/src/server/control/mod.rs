//! The control listener: everything that reads or changes. It speaks plain HTTP on loopback, and every request needs
//! the token.

mod connection;
mod guard;
mod health;
mod payments;
mod refusal;
mod request;
mod token;
mod upkeep;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{Door, DoorLimits, TrustedProxy, connections};
use crate::contract::types::Problem;
use crate::marketplace::{Error, Marketplace, Providers};
use crate::views;
use refusal::Refusal;
use request::Scoped;
pub use token::{ControlToken, TokenError};

/// How many connections there may be. Our own choice: one operator, one page, one collector of metrics.
const CONNECTIONS: usize = 32;
/// How many requests are carried out at the same time, also for clients that have left. Our own choice.
const REQUESTS: u32 = 64;

/// What every request needs.
#[derive(Clone)]
struct Control {
    providers: Providers,
    token: Arc<ControlToken>,
    /// A permit for each request that may be carried out now.
    places: Arc<Semaphore>,
}

impl Control {
    /// The marketplace that a request means, as its workspace sees it.
    async fn of(&self, scoped: &Scoped) -> Result<Marketplace, Error> {
        let Scoped { provider, workspace } = scoped;
        self.providers.meant(provider.as_deref())?.in_workspace(workspace).await
    }
}

/// Serves the operator until `stop` completes. Requests in progress are finished first, also those whose clients have
/// left, if they take no longer than the limit. `limits`: those of the public door, but for its connections.
pub async fn serve(
    listener: TcpListener,
    providers: impl Into<Providers>,
    token: ControlToken,
    limits: DoorLimits,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(REQUESTS as usize));
    let control = Control {
        providers: providers.into(),
        token: Arc::new(token),
        places: Arc::clone(&places),
    };
    let limits = DoorLimits { connections: CONNECTIONS, ..limits };
    // All clients have one address: together they may hold all connections.
    let door = Door { limits, trusted_proxies: TrustedProxy::LOOPBACK.into() };
    let mut stopped = None;
    let stop = async {
        stop.await;
        stopped = Some(Instant::now());
    };
    connections::serve(listener, router(control), &door, None, stop).await;
    let until = stopped.unwrap_or_else(Instant::now) + limits.shutdown_time;
    // What takes longer ends with the process.
    let _ = timeout_at(until, places.acquire_many(REQUESTS)).await;
}

fn router(control: Control) -> Router {
    let api = Router::new()
        .route("/status", get(connection::status))
        .route("/install", post(connection::install))
        .route("/repair", post(connection::repair))
        .route("/uninstall", post(connection::uninstall))
        .route("/workspaces", get(connection::workspaces))
        .route("/component", get(connection::component))
        .route("/review", get(connection::review))
        .route("/approve", post(connection::approve))
        .route("/payments", get(payments::list).post(payments::pay))
        .route("/payments/{id}", get(payments::show))
        .route("/payments/{id}/flow", get(payments::flow))
        .route("/payments/{id}/complete", post(payments::complete))
        .route("/payments/{id}/cancel", post(payments::cancel))
        .route("/payments/{id}/refunds", post(payments::refund))
        .route("/transitions", get(payments::transitions))
        .route("/transitions/acknowledge", post(payments::acknowledge))
        .route("/attention", get(upkeep::attention))
        .route("/attention/{id}/accept", post(upkeep::accept))
        .route("/attention/{id}/resolve", post(upkeep::resolve))
        .route("/reconcile", post(upkeep::reconcile))
        .route("/ledger/restored", post(upkeep::restored))
        .route("/prune", post(upkeep::prune));
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", api)
        .fallback(async || not_found())
        .method_not_allowed_fallback(async || wrong_method())
        // Around everything, also around what is not there.
        .layer(from_fn_with_state(control.clone(), guard::guard))
        .with_state(control)
}

/// What a use case has given, as the command line prints it.
struct Answer(Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        Json(views::visible(self.0)).into_response()
    }
}

type Answered = Result<Answer, Refusal>;

fn not_found() -> Refusal {
    let problem = Problem::new(
        "route-unknown",
        "There is nothing at this path.",
        &["See the table of routes in README. They begin with /api/v1."],
    );
    Refusal::new(StatusCode::NOT_FOUND, problem)
}

fn wrong_method() -> Refusal {
    let problem = Problem::new(
        "method-not-allowed",
        "This path takes another method.",
        &[
            "See the table of routes in README: what changes something is a POST, the rest is a GET.",
        ],
    );
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, problem)
}

#[cfg(test)]
mod tests {
    use super::request::Form;
    use super::*;

    fn is_read<T: Form>() -> bool {
        T::EXAMPLE.split(" or ").all(|example| serde_json::from_str::<T>(example).is_ok())
    }

    #[test]
    fn every_example_is_read() {
        let read = [
            is_read::<connection::Install>(),
            is_read::<connection::Uninstall>(),
            is_read::<connection::Approve>(),
            is_read::<payments::Pay>(),
            is_read::<payments::Complete>(),
            is_read::<payments::RefundBody>(),
            is_read::<payments::Acknowledge>(),
            is_read::<upkeep::Resolve>(),
            is_read::<upkeep::Prune>(),
            is_read::<request::Nothing>(),
        ];
        assert_eq!(read, [true; 10]);
    }
}
