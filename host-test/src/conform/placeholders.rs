//! The names in a scenario's texts, such as `{payment}`, and their values.

use std::collections::BTreeMap;

use super::error::KitError;

/// Behind a name: the value as a part of a URL or a form.
const ENCODED: &str = "-encoded";

/// Values by name.
#[derive(Clone, Default)]
pub struct Placeholders(BTreeMap<String, String>);

impl Placeholders {
    /// Sets a value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value, or with `-encoded` behind its name as a part of a URL or a form.
    fn value(&self, name: &str) -> Result<String, KitError> {
        if let Some(value) = self.get(name) {
            return Ok(value.to_owned());
        }
        let plain = name.strip_suffix(ENCODED).and_then(|name| self.get(name));
        let plain = plain.ok_or_else(|| KitError::PlaceholderUnknown(name.to_owned()))?;
        Ok(url::form_urlencoded::byte_serialize(plain.as_bytes()).collect())
    }

    /// A text with its values. A brace that no name follows stays: JSON has many.
    ///
    /// # Errors
    ///
    /// A name has no value.
    pub fn fill(&self, text: &str) -> Result<String, KitError> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            if let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name)) {
                filled.push_str(&self.value(name)?);
                rest = behind;
            } else {
                filled.push('{');
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_json_stays() {
        let mut values = Placeholders::default();
        values.set("payment", "p-1");
        let rows = [
            ("/payments/{payment}", Some("/payments/p-1")),
            (r#"{"url": "{payment}", "a": {}}"#, Some(r#"{"url": "p-1", "a": {}}"#)),
            ("{{payment}}", Some("{p-1}")),
            ("{", Some("{")),
            ("{refund}", None),
            ("{payment-encoded}", Some("p-1")),
        ];
        for (text, expected) in rows {
            assert_eq!(values.fill(text).ok().as_deref(), expected, "{text}");
        }
    }
}
