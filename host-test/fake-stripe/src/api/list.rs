//! Lists with Stripe's pagination.

use serde_json::{Value, json};

use super::params::Params;
use crate::error::ApiError;

/// A page of a list whose objects are the newest first, each with its id and a function that makes its
/// JSON, which is called for the objects of the page only. `kind`: of which object, for a message.
pub fn list_page<'a, J: FnOnce() -> Value>(
    mut objects: impl Iterator<Item = (&'a str, J)>,
    kind: &str,
    url: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let limit = params.number("limit")?.unwrap_or(10).clamp(1, 100);
    let limit = usize::try_from(limit).unwrap_or(100);
    let (after, before) = (params.take("starting_after"), params.take("ending_before"));
    params.finish()?;
    let (data, has_more): (Vec<Value>, bool) = match (after, before) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: starting_after, ending_before.",
            ));
        }
        (None, Some(before)) => {
            let mut newer = Vec::new();
            loop {
                match objects.next() {
                    Some((id, _)) if id == before => break,
                    Some((_, json)) => newer.push(json),
                    None => return Err(ApiError::unknown_cursor("ending_before", kind, &before)),
                }
            }
            let first = newer.len().saturating_sub(limit);
            (newer.into_iter().skip(first).map(|json| json()).collect(), first > 0)
        }
        (after, None) => {
            if let Some(after) = after
                && !objects.any(|(id, _)| id == after)
            {
                return Err(ApiError::unknown_cursor("starting_after", kind, &after));
            }
            let data = objects.by_ref().take(limit).map(|(_, json)| json()).collect();
            (data, objects.next().is_some())
        }
    };
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers on a page of the list 9, 8, …, 1, and whether more follow in its direction.
    fn page(params: &[(&str, &str)]) -> (Vec<u64>, bool) {
        const IDS: [&str; 9] = ["9", "8", "7", "6", "5", "4", "3", "2", "1"];
        let objects = IDS.iter().map(|&id| (id, move || json!(id.parse::<u64>().unwrap())));
        let params = params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let page = list_page(objects, "number", "/v1/numbers", Params::new(params.collect()));
        let page = page.unwrap_or_else(|_| json!({ "data": [], "has_more": false }));
        let numbers = page["data"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
        (numbers.collect(), page["has_more"] == true)
    }

    #[test]
    fn page_before_an_object_is_the_nearest_to_it() {
        let page_before = |id, limit| page(&[("ending_before", id), ("limit", limit)]);
        assert_eq!(page_before("5", "2"), (vec![7, 6], true));
        assert_eq!(page_before("7", "2"), (vec![9, 8], false));
        assert_eq!(page_before("9", "2"), (vec![], false));
    }

    #[test]
    fn pages_in_both_directions_are_the_whole_list() {
        let mut seen = vec![];
        let (mut data, mut has_more) = page(&[("limit", "4")]);
        loop {
            seen.extend(data.clone());
            if !has_more {
                break;
            }
            let last = seen.last().unwrap().to_string();
            (data, has_more) = page(&[("limit", "4"), ("starting_after", &last)]);
        }
        assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }
}
