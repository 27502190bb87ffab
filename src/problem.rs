//! Making the contract's `problem`.

use crate::bindings::brain_studio::payments::types::Problem;

/// A problem with its code, its message for a merchant, and the steps of its remedy.
pub fn problem(code: &str, message: impl Into<String>, remedy: &[&str]) -> Problem {
    Problem {
        code: code.to_owned(),
        message: message.into(),
        remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
    }
}

/// Joins texts with commas: `a, b, c`.
pub fn enumerated(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(item.as_ref());
    }
    text
}
