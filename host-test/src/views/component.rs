//! A component: what it is, and that it was approved.

use serde_json::{Value, json};

use crate::json::set;
use crate::marketplace::Review;
use crate::plugin::Plugin;

/// The component of a plugin: its imports and exports, and who it says it is.
#[must_use]
pub fn component(plugin: &Plugin) -> Value {
    let manifest = plugin.manifest();
    let mut json = json!(plugin.inspection());
    set(&mut json, "sha256", plugin.sha256());
    set(&mut json, "is_built_in", plugin.is_built_in());
    set(&mut json, "provider_id", manifest.provider_id.as_str());
    set(&mut json, "name", manifest.name.as_str());
    set(&mut json, "version", manifest.version.as_str());
    json
}

/// A component was approved, and has taken over a number of installations.
#[must_use]
pub fn approved(review: &Review, moved: usize) -> Value {
    let mut json = json!(review);
    set(&mut json, "is_approved", true);
    set(&mut json, "moved", moved);
    json
}

/// An origin was approved to which a workspace's installation may send its customers.
#[must_use]
pub fn page_origin_approved(origin: &str) -> Value {
    json!({ "page_origin": origin })
}
