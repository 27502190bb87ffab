//! What every request passes first: its `Host`, its token, and its place. Then it is carried out to its end, also if
//! its client leaves.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Control;
use super::refusal::Refusal;
use crate::contract::types::Problem;
use crate::foreign::logged;
use crate::telemetry::SecurityEvent;

pub async fn guard(State(control): State<Control>, request: Request, next: Next) -> Response {
    let denied = |what: &str| {
        control.providers.telemetry().security(SecurityEvent::ControlDenied, "", what);
    };
    if !is_for_this_computer(request.headers()) {
        denied("a request with the name of another host");
        return host_denied().into_response();
    }
    if !control.token.is_in(request.headers()) {
        denied("a request without the token");
        let mut response = token_denied().into_response();
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    let Ok(place) = Arc::clone(&control.places).try_acquire_owned() else {
        return busy().into_response();
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // Spawned, so that a client that leaves ends no payment half way.
    let work = tokio::spawn(async move {
        let response = next.run(request).await;
        drop(place);
        response
    });
    let response = work.await.unwrap_or_else(|_| broken().into_response());
    if method != Method::GET {
        tracing::info!(%method, path = &*logged(&path), status = response.status().as_u16(), "control");
    }
    response
}

/// Whether the host that a request names is this computer. A page in a browser can make its own name point here, but
/// it cannot hide that name.
fn is_for_this_computer(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = Authority::try_from(host.as_bytes()) else { return false };
    // Of an IPv6 address.
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    // The address of the listener is one of these.
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_denied() -> Refusal {
    let problem = Problem::new(
        "control-host-denied",
        "The request names another host than this computer.",
        &["Use the URL that `host-test serve` prints, or `localhost` with the port of a tunnel."],
    );
    Refusal::new(StatusCode::FORBIDDEN, problem)
}

fn token_denied() -> Refusal {
    let problem = Problem::new(
        "control-token-wrong",
        "The request does not have the token of the control listener.",
        &[
            "Send `Authorization: Bearer TOKEN`. The token is in the file `control.token` of the data folder, which `host-test serve` names.",
        ],
    );
    Refusal::new(StatusCode::UNAUTHORIZED, problem)
}

fn busy() -> Refusal {
    let problem = Problem::new(
        "control-busy",
        "Too many requests are being carried out.",
        &["Try again when some of them are done."],
    );
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, problem)
}

fn broken() -> Refusal {
    let problem = Problem::new(
        "host-failed",
        "The request could not be carried out.",
        &["Look at the log of `host-test serve`, and report what it says."],
    );
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_computer_are_taken() {
        let rows = [
            ("127.0.0.1:8788", true),
            ("127.8.8.8", true),
            ("localhost", true),
            ("LocalHost:1", true),
            ("[::1]:8788", true),
            ("", false),
            ("evil.example", false),
            ("localhost.evil.example:8788", false),
            ("127.0.0.1.evil.example", false),
            ("192.168.0.1:8788", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("a b", false),
        ];
        for (host, is_taken) in rows {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
            assert_eq!(is_for_this_computer(&headers), is_taken, "{host}");
        }
        assert!(!is_for_this_computer(&HeaderMap::new()));
        let mut twice = HeaderMap::new();
        twice.append(HOST, HeaderValue::from_static("localhost"));
        twice.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_for_this_computer(&twice));
    }
}
