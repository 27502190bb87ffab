//! The HTTP client, and what can fail with it.

use std::time::Duration;

use reqwest::Client;

use super::budget::ResponseRoom;
use crate::contract::http::{Failure, FailureKind};

/// How long a request may take. Source: the contract.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A new HTTP client. All installations share one: its connections, not their credentials.
///
/// # Errors
///
/// The platform's certificates cannot be read.
pub fn client() -> Result<Client, reqwest::Error> {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(REQUEST_TIMEOUT)
        .user_agent(concat!("brain-studio-host-test/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Reads the body of a response, up to a size. `room`: what has to be reserved for it.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    maximum: usize,
    mut room: Option<&mut ResponseRoom<'_>>,
) -> Result<Vec<u8>, Failure> {
    let known = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| from_client(&error))? {
        if body.len() + chunk.len() > maximum {
            return Err(Failure {
                kind: FailureKind::TooLarge,
                message: "the response is too large".to_owned(),
                request_sent: true,
            });
        }
        if let Some(room) = &mut room {
            let length = known.filter(|known| *known <= maximum).unwrap_or(0);
            let length = length.max(body.len() + chunk.len());
            let capacity = room.grow(length, known.is_some()).await?;
            body.reserve_exact(capacity.saturating_sub(body.len()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The failure of a request that is not allowed.
pub(super) fn denied(message: &str) -> Failure {
    failure(FailureKind::Denied, message)
}

/// A failure before the request was sent.
pub(super) fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned(), request_sent: false }
}

/// The failure for an error of the client. After the connection was made, the request may have reached the
/// provider.
pub(super) fn from_client(error: &reqwest::Error) -> Failure {
    let (kind, message) = if error.is_connect() {
        (FailureKind::Unreachable, "no connection could be made")
    } else if error.is_timeout() {
        (FailureKind::TimedOut, "no response came in time")
    } else if error.is_builder() {
        (FailureKind::Denied, "the request cannot be sent")
    } else {
        (FailureKind::Interrupted, "the connection broke")
    };
    Failure {
        kind,
        message: message.to_owned(),
        request_sent: !(error.is_connect() || error.is_builder()),
    }
}
