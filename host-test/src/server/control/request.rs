//! Reading a request: its path, its query and its body. What was sent is in no message: it may be a key.

use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::refusal::Refusal;
use crate::contract::types::{Mode, Problem};

/// The largest body, in bytes. Our own choice.
const MAXIMUM: usize = 64 << 10;
/// How long a body may take. Our own choice.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the body of a route is.
pub trait Form: DeserializeOwned {
    /// An example, for those who have sent something else.
    const EXAMPLE: &str;
}

/// The body of a request. An empty one is an empty object. It is erased after it was read.
pub struct Input<T>(pub T);

impl<T: Form, S: Sync> FromRequest<S> for Input<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let read = timeout(BODY_TIME, read(request.into_body())).await;
        let body = read.map_err(|_| too_slow())??;
        let json = if body.is_empty() { b"{}" } else { body.as_slice() };
        // Its own message may hold what was sent.
        let parsed = serde_json::from_slice(json).map_err(|error| {
            let place = format_args!("line {}, column {}", error.line(), error.column());
            malformed::<T>(place)
        });
        parsed.map(Self)
    }
}

/// Reads a body into a buffer that is erased. It has its size from the start: one that grows leaves copies behind.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAXIMUM));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| interrupted())?;
        if bytes.len() + chunk.len() > MAXIMUM {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        // Where nothing else shares it.
        if let Ok(mut chunk) = chunk.try_into_mut() {
            secrecy::zeroize::Zeroize::zeroize(&mut *chunk);
        }
    }
    Ok(bytes)
}

/// The problem of a body. `place`: where it is not as expected.
pub fn malformed<T: Form>(place: impl Display) -> Refusal {
    Refusal::malformed(Problem::new(
        "body-malformed",
        format!("The body is not what is expected here: {place}."),
        &[&format!("Send a JSON object such as {}, without other fields.", T::EXAMPLE)],
    ))
}

fn interrupted() -> Refusal {
    let message = "The body was interrupted.";
    Refusal::malformed(Problem::new("body-malformed", message, &["Send it again."]))
}

fn too_slow() -> Refusal {
    let message = "The body did not arrive in time.";
    let problem = Problem::new("body-too-slow", message, &["Send it again, within 10 seconds."]);
    Refusal::new(StatusCode::REQUEST_TIMEOUT, problem)
}

fn too_large() -> Refusal {
    let message = "The body is larger than 64 KiB.";
    let problem = Problem::new("body-too-large", message, &["Send less."]);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
}

/// The query of a request.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Query::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(|_| {
            Refusal::malformed(Problem::new(
                "query-malformed",
                "The query of the URL is not what is expected here.",
                &["See the table of routes in README: a parameter that it does not name is refused."],
            ))
        })
    }
}

/// What a path names.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|_| {
            Refusal::malformed(Problem::new(
                "path-malformed",
                "The path does not name what is expected here.",
                &["Encode a reference with percent signs. An entry of the attention list has a number."],
            ))
        })
    }
}

/// The query that only names a workspace, and a provider if there are several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoped {
    pub provider: Option<String>,
    #[serde(default = "default_workspace")]
    pub workspace: String,
}

/// The query of what concerns all workspaces of a provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfProvider {
    pub provider: Option<String>,
}

/// The workspace of a request that names none.
pub fn default_workspace() -> String {
    "default".to_owned()
}

/// A body without fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Form for Nothing {
    const EXAMPLE: &str = "{}";
}

/// A mode in a request.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChosenMode {
    Test,
    Live,
}

impl From<ChosenMode> for Mode {
    fn from(mode: ChosenMode) -> Self {
        match mode {
            ChosenMode::Test => Self::Test,
            ChosenMode::Live => Self::Live,
        }
    }
}
