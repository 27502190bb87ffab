//! A fake Andes Pay on loopback: stateful, with pages on which a customer approves, and signed deliveries.
//!
//! Everything is in memory. Test and live mode listen at two addresses and share nothing.
//!
//! | path | what it stands for |
//! | --- | --- |
//! | `/v1/…` | the API, with Basic authorization by store id and token |
//! | `/pay/{id}` | the page of a payment: `GET` shows it, `POST` takes `approve=yes` or `decline=yes` |
//! | `/dashboard/…` | what the merchant and Andes Pay's staff do by hand: see [`dashboard`] |
//!
//! The credentials say what they may do: every store id that begins with `store-` is accepted, and every token but one
//! that ends in `Invalid`. A token with `WithoutRefunds` in it lacks that permission, and with `NotActivated` in it the
//! store cannot take payments.

mod amount;
mod api;
pub mod dashboard;
mod deliveries;
mod page;
mod state;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;

pub use deliveries::{DeliverOrigin, signature};
use state::Environment;

/// A running fake: it ends with the runtime that it was started in.
pub struct Fake {
    /// The origin of test mode: `http://127.0.0.1:PORT`.
    pub test: String,
    /// The origin of live mode.
    pub live: String,
}

/// Starts the fake. Deliveries for a public origin go to the loopback address that stands in for it; others go
/// nowhere.
///
/// # Errors
///
/// A listener has no address.
pub fn start(
    test: TcpListener,
    live: TcpListener,
    deliver_origins: &[DeliverOrigin],
) -> io::Result<Fake> {
    let serve = |listener: TcpListener, name| {
        let origin = format!("http://{}", listener.local_addr()?);
        let environment = Arc::new(Environment::new(name, &origin, deliver_origins));
        tokio::spawn(async move { axum::serve(listener, router(environment)).await });
        io::Result::Ok(origin)
    };
    Ok(Fake { test: serve(test, "test")?, live: serve(live, "live")? })
}

fn router(environment: Arc<Environment>) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api::answer))
        .route("/pay/{id}", get(page::show).post(page::answer))
        .route("/dashboard/webhooks", get(dashboard::webhooks).post(dashboard::add_webhook))
        .route("/dashboard/deliveries", get(dashboard::deliveries))
        .route("/dashboard/payments", get(dashboard::payments))
        .route("/dashboard/refunds", get(dashboard::refunds))
        .route("/dashboard/bank/refuses-refunds", post(dashboard::refuse_refunds))
        .route("/dashboard/payments/{id}", get(dashboard::payment))
        .route("/dashboard/payments/{id}/expire", post(dashboard::expire))
        .route("/dashboard/refunds/{id}/{outcome}", post(dashboard::decide_refund))
        .route("/dashboard/events/{id}/deliver", post(dashboard::deliver_again))
        .with_state(environment)
}
