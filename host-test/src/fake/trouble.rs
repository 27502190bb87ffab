//! Trouble: what Stripe and the way to it do on a bad day.

use axum::body::Body;
use axum::response::{IntoResponse, Json, Response};
use clap::ValueEnum;
use tokio::sync::watch;

use super::error::ApiError;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TroubleKind {
    /// 429: too many requests
    Busy,
    /// 500: Stripe has a problem of its own
    Failing,
    /// The connection is held, and no answer comes
    Silent,
    /// The connection breaks in the middle of the answer
    Broken,
    /// 401: the key has been deleted in the Dashboard
    Rejected,
}

/// Which calls go wrong, and how.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// How.
    pub kind: TroubleKind,
    /// The calls that begin so, such as `POST /v1/webhook_endpoints`. Empty: every call.
    pub calls: String,
    /// How many of them go well before.
    pub spared: usize,
    /// Whether a call has its effect all the same.
    pub has_effect: bool,
}

impl From<TroubleKind> for Trouble {
    /// Every call, from now on, without effect.
    fn from(kind: TroubleKind) -> Self {
        Self { kind, calls: String::new(), spared: 0, has_effect: false }
    }
}

/// The trouble of the day, and how many calls it has met.
pub struct Day {
    trouble: Option<Trouble>,
    met: watch::Sender<usize>,
}

impl Default for Day {
    fn default() -> Self {
        Self { trouble: None, met: watch::Sender::new(0) }
    }
}

impl Day {
    /// What happens from now on.
    pub fn set(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
        self.met.send_replace(0);
    }

    /// How many calls have met it.
    pub fn met(&self) -> watch::Receiver<usize> {
        self.met.subscribe()
    }

    /// What happens to a call.
    pub fn of_call(&mut self, call: &str) -> Option<Trouble> {
        let trouble = self.trouble.as_mut().filter(|trouble| call.starts_with(&trouble.calls))?;
        if trouble.spared > 0 {
            trouble.spared -= 1;
            return None;
        }
        self.met.send_modify(|met| *met += 1);
        Some(trouble.clone())
    }
}

/// The answer of a bad day.
pub async fn answer(kind: TroubleKind) -> Response {
    match kind {
        TroubleKind::Busy => {
            let error = ApiError::too_many_requests();
            let reason = [("stripe-rate-limited-reason", "global-rate")];
            (error.status, reason, Json(error.body)).into_response()
        }
        TroubleKind::Failing => {
            let error = ApiError::failing();
            (error.status, Json(error.body)).into_response()
        }
        TroubleKind::Rejected => {
            let error = ApiError::wrong_key("sk_****");
            (error.status, Json(error.body)).into_response()
        }
        TroubleKind::Silent => std::future::pending().await,
        TroubleKind::Broken => {
            let parts = [Ok("{\"object\":"), Err(std::io::Error::other("broken off"))];
            Body::from_stream(futures_util::stream::iter(parts)).into_response()
        }
    }
}
