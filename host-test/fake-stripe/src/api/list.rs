//! Lists with Stripe's pagination.

use serde_json::{Value, json};

use super::params::Params;
use crate::error::ApiError;

/// A page of a list whose objects are the newest first, each with its id and a function that makes its
/// JSON, which is called for the objects of the page only.
pub fn list_page<'a, J: FnOnce() -> Value>(
    mut objects: impl Iterator<Item = (&'a str, J)>,
    url: &str,
    mut params: Params,
) -> Result<Value, ApiError> {
    let limit = params.number("limit")?.unwrap_or(10).clamp(1, 100);
    if let Some(after) = params.take("starting_after")
        && !objects.any(|(id, _)| id == after)
    {
        return Err(ApiError::resource_missing("object", &after));
    }
    params.finish()?;
    let limit = usize::try_from(limit).unwrap_or(100);
    let data: Vec<Value> = objects.by_ref().take(limit).map(|(_, json)| json()).collect();
    let has_more = objects.next().is_some();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}
