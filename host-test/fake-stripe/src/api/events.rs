//! `/v1/events`.

use serde_json::Value;

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;

/// Lists the events, those of some types, or those since a time.
pub fn list(state: &AccountState, mut params: Params) -> Result<Value, ApiError> {
    let mut event_types = params.list("types");
    event_types.extend(params.take("type"));
    let since = params.number("created[gte]")?.unwrap_or(0);
    let events = state
        .events
        .iter()
        .rev()
        .filter(|event| event_types.is_empty() || event_types.contains(&event.event_type))
        .filter(|event| event.created >= since)
        .map(|event| (event.id.clone(), event.body.clone()))
        .collect();
    list_page(events, "/v1/events", params)
}
