//! Which function carries a request out.

use serde_json::Value;

use super::expand::{check, expand};
use super::keys::Key;
use super::params::Params;
use super::{charges, destinations, disputes, endpoints, events, intents, refunds, sessions};
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::{Cause, account_json};
use crate::server::{ApiRequest, Server};

/// Carries a request out.
pub fn route(
    server: &Server,
    key: &Key,
    request: ApiRequest,
    body: &[u8],
    cause: Cause,
) -> Result<Value, ApiError> {
    key.check_permission(&request.method, &request.path)?;
    let mut params = Params::new(request.params);
    let expansions = params.list("expand");
    if expansions.iter().any(|path| path.contains("charge")) {
        key.check_expanded_charge()?;
    }
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    let mut accounts = server.accounts();
    let state = accounts.state_mut(key.mode);
    let answer = match request.method.as_str() {
        "GET" => read(server, key, state, &segments, params),
        method => {
            // Before anything is created or changed.
            check(changed_object(&segments), &expansions)?;
            state.cause = Some(cause);
            let answer = change(server, key, state, (method, &segments), params, body);
            state.cause = None;
            answer
        }
    };
    let unknown = || ApiError::unknown_request(&request.method, &request.path);
    expand(state, answer.ok_or_else(unknown)??, &expansions)
}

/// Carries out a request that changes nothing. None: there is no such request.
fn read(
    server: &Server,
    key: &Key,
    state: &AccountState,
    segments: &[&str],
    params: Params,
) -> Option<Result<Value, ApiError>> {
    let padding = server.settings().event_padding;
    Some(match segments {
        ["v1", "account"] => params
            .finish()
            .map(|()| account_json(key.mode.account, state.can_charge && key.is_activated)),
        ["v1", "webhook_endpoints"] => endpoints::list(state, params),
        ["v1", "webhook_endpoints", id] => endpoints::get(state, id),
        ["v2", "core", "event_destinations"] => destinations::list(state, params),
        ["v2", "core", "event_destinations", id] => destinations::get(state, id, params),
        ["v1", "checkout", "sessions"] => sessions::list(state, params),
        ["v1", "checkout", "sessions", id] => sessions::get(state, id, params),
        ["v1", "payment_intents"] => intents::list(state, params),
        ["v1", "payment_intents", id] => intents::get(state, id, params),
        ["v1", "charges"] => charges::list(state, params),
        ["v1", "charges", id] => charges::get(state, id, params),
        ["v1", "disputes"] => disputes::list(state, params),
        ["v1", "disputes", id] => disputes::get(state, id, params),
        ["v1", "refunds"] => refunds::list(state, params),
        ["v1", "refunds", id] => refunds::get(state, id, params),
        ["v1", "events"] => events::list(state, padding, params),
        ["v1", "events", id] => events::get(state, padding, id, params),
        _ => return None,
    })
}

/// The type of the object that a request creates or changes, if it has fields that can be expanded.
fn changed_object(segments: &[&str]) -> &'static str {
    match segments {
        ["v1", "checkout", "sessions", ..] => "checkout.session",
        ["v1", "payment_intents", ..] => "payment_intent",
        ["v1", "refunds", ..] => "refund",
        _ => "",
    }
}

/// Carries out a request that may change something. None: there is no such request.
fn change(
    server: &Server,
    key: &Key,
    state: &mut AccountState,
    request: (&str, &[&str]),
    params: Params,
    body: &[u8],
) -> Option<Result<Value, ApiError>> {
    let (outbox, origin) = (&server.outbox, &server.origin);
    Some(match request {
        ("POST", ["v1", "webhook_endpoints"]) => endpoints::create(state, key, params),
        ("POST", ["v1", "webhook_endpoints", id]) => endpoints::update(state, id, params),
        ("DELETE", ["v1", "webhook_endpoints", id]) => endpoints::delete(state, id),
        ("POST", ["v2", "core", "event_destinations"]) => destinations::create(state, body),
        ("POST", ["v1", "checkout", "sessions"]) => sessions::create(state, origin, params),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
            sessions::expire(outbox, state, id, params)
        }
        ("POST", ["v1", "payment_intents"]) => intents::create(outbox, state, origin, params),
        ("POST", ["v1", "payment_intents", id, "confirm"]) => {
            intents::confirm(outbox, state, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "capture"]) => {
            intents::capture(outbox, state, id, params)
        }
        ("POST", ["v1", "payment_intents", id, "cancel"]) => {
            intents::cancel(outbox, state, id, params)
        }
        ("POST", ["v1", "refunds"]) => refunds::create(outbox, state, params),
        _ => return None,
    })
}
