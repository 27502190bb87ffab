//! Lists with Stripe's pagination.

use serde_json::{Value, json};

use super::params::Params;
use crate::error::ApiError;

/// A page of a list whose objects are the newest first, each with its id.
pub fn list_page(
    objects: Vec<(String, Value)>,
    url: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let limit = params.number("limit")?.unwrap_or(10).clamp(1, 100);
    let start = match params.take("starting_after") {
        Some(after) => objects
            .iter()
            .position(|(id, _)| *id == after)
            .map(|index| index + 1)
            .ok_or_else(|| ApiError::resource_missing("object", &after))?,
        None => 0,
    };
    params.finish()?;
    let limit = usize::try_from(limit).unwrap_or(100);
    let rest: Vec<Value> = objects.into_iter().skip(start).map(|(_, value)| value).collect();
    let has_more = rest.len() > limit;
    let data: Vec<Value> = rest.into_iter().take(limit).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}
