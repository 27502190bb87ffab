//! `/v1/events`.

use serde_json::{Value, json};

use super::list::list_page;
use super::params::Params;
use crate::account::AccountState;
use crate::error::ApiError;
use crate::objects::Event;

/// Lists the events, those of some types, or those since a time. Each has so many bytes of padding.
pub fn list(state: &AccountState, padding: usize, mut params: Params) -> Result<Value, ApiError> {
    let mut event_types = params.list("types");
    event_types.extend(params.take("type"));
    let created = params.created()?;
    let events = state
        .events
        .iter()
        .rev()
        .take_while(|event| event.created >= *created.start())
        .filter(|event| event.created <= *created.end())
        .filter(|event| event_types.is_empty() || event_types.contains(&event.event_type))
        .map(|event| (event.id.as_str(), || padded(event, padding)));
    list_page(events, "event", "/v1/events", params)
}

/// Reads an event.
pub fn get(
    state: &AccountState,
    padding: usize,
    id: &str,
    params: Params,
) -> Result<Value, ApiError> {
    params.finish()?;
    let event = state.events.iter().find(|event| event.id == id);
    event.map(|event| padded(event, padding)).ok_or_else(|| ApiError::resource_missing("event", id))
}

/// The JSON of an event with padding.
fn padded(event: &Event, padding: usize) -> Value {
    let mut body = event.body.clone();
    let data = body.get_mut("data").and_then(Value::as_object_mut).filter(|_| padding > 0);
    if let Some(data) = data {
        let padding = "x".repeat(padding);
        data.insert("previous_attributes".to_owned(), json!({ "padding": padding }));
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::{AccountMode, Accounts};

    /// The ids of a page of events that were created at the times 1, 2, 3, …, each with a letter as its
    /// type, and whether there are more.
    fn page(event_types: &[&str], params: &[(&str, &str)]) -> Result<(Vec<String>, bool), u16> {
        let mut accounts = Accounts::default();
        let state = accounts.state_mut(AccountMode::of_first_account(false));
        for (created, event_type) in (1..).zip(event_types) {
            let mut event = Event::new(event_type, &json!({}), false, 0, None);
            event.created = created;
            event.id = format!("evt_{created}");
            event.body["id"] = event.id.clone().into();
            state.events.push_back(event);
        }
        let params =
            params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let page = list(state, 0, Params::new(params)).map_err(|error| error.status.as_u16())?;
        let ids = page["data"].as_array().unwrap().iter();
        let ids = ids.map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        Ok((ids, page["has_more"].as_bool().unwrap()))
    }

    fn ids(numbers: &[u32]) -> Vec<String> {
        numbers.iter().map(|number| format!("evt_{number}")).collect()
    }

    #[test]
    fn events_are_listed_from_the_newest_to_the_first_that_is_too_old() {
        let page = page(&["a", "b", "a", "b"], &[("created[gte]", "2")]);
        assert_eq!(page, Ok((ids(&[4, 3, 2]), false)));
    }

    #[test]
    fn page_of_some_types_says_whether_more_of_them_follow() {
        let events = ["a", "b", "a", "c", "b"];
        let listed =
            |event_type, limit| page(&events, &[("types[0]", event_type), ("limit", limit)]);
        assert_eq!(listed("b", "1"), Ok((ids(&[5]), true)));
        assert_eq!(listed("b", "2"), Ok((ids(&[5, 2]), false)));
        assert_eq!(listed("c", "1"), Ok((ids(&[4]), false)));
    }

    #[test]
    fn page_starts_after_an_event() {
        let page = page(&["a", "a", "a", "a"], &[("starting_after", "evt_3"), ("limit", "1")]);
        assert_eq!(page, Ok((ids(&[2]), true)));
    }

    #[test]
    fn page_after_an_unknown_or_dropped_event_is_refused() {
        let unknown = [("starting_after", "evt_9")];
        assert_eq!(page(&["a"], &unknown), Err(404));
        let too_old = [("starting_after", "evt_1"), ("created[gte]", "2")];
        assert_eq!(page(&["a", "a"], &too_old), Err(404));
    }
}
