//! What `--trace` shows: each call of a function of the contract, and each HTTP request that it makes.
//!
//! No header and no body is ever in a line, and a URL only without the secrets that the host knows.

use std::fmt::Display;
use std::time::Duration;

use tracing::{Level, Span, enabled, trace, trace_span};

use crate::contract::http::{Failure, Response};

/// The target of every line, so that a log has none of them unless it asks for them.
pub const TARGET: &str = "host_test::trace";

/// Whether somebody reads the lines.
pub(crate) fn is_read() -> bool {
    enabled!(target: TARGET, Level::TRACE)
}

/// The span of a call, in which its requests are made. `function`: its name, with underscores.
pub(crate) fn call(function: &'static str) -> Span {
    trace_span!(target: TARGET, "call", function = in_contract(function))
}

/// A call has ended.
pub(crate) fn called(function: &'static str, time: Duration, error: Option<impl Display>) {
    if !is_read() {
        return;
    }
    let (function, time_ms) = (in_contract(function), milliseconds(time));
    match error {
        None => trace!(target: TARGET, function, time_ms, "answered"),
        Some(error) => trace!(target: TARGET, function, time_ms, %error, "ended without an answer"),
    }
}

/// A request has ended. `url`: without secrets.
pub(crate) fn requested(
    (method, url, bytes_out): (&str, &str, usize),
    time: Duration,
    answer: &Result<Response, Failure>,
    outcome: &'static str,
) {
    let time_ms = milliseconds(time);
    match answer {
        Ok(Response { status, body, .. }) => {
            let bytes_in = body.len();
            trace!(target: TARGET, method, url, bytes_out, bytes_in, status, time_ms, "request");
        }
        // Without its message, which may repeat what the plugin wrote.
        Err(Failure { request_sent, .. }) => {
            let failure = outcome;
            trace!(target: TARGET, method, url, bytes_out, failure, request_sent, time_ms, "request");
        }
    }
}

/// The name of a function as the contract spells it.
fn in_contract(function: &str) -> String {
    function.replace('_', "-")
}

/// With three decimals: a delivery takes less than a millisecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
