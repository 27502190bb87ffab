//! The path at which new refunds of the first account's test mode fail from now on. It needs no key, so it serves this
//! computer only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;

use crate::account::AccountMode;
use crate::server::Server;

/// The path.
pub const PATH: &str = "/fake/refunds-fail";

/// Lets new refunds fail.
pub async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
) -> StatusCode {
    if !caller.ip().to_canonical().is_loopback() {
        return StatusCode::FORBIDDEN;
    }
    server.accounts().state_mut(AccountMode::of_first_account(false)).refunds_fail = true;
    StatusCode::OK
}
