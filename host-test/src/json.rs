//! Changing JSON objects.

use serde_json::Value;

/// Sets a field of an object. Any other value stays unchanged.
pub fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value.into());
    }
}
