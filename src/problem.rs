//! How this provider says what went wrong.

use crate::bindings::brain_studio::payments::types::Problem;

/// A problem: a code for a program, a sentence for a merchant, and the steps of the remedy.
pub fn problem(code: &str, message: impl Into<String>, remedy: &[&str]) -> Problem {
    Problem {
        code: code.to_owned(),
        message: message.into(),
        remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
    }
}

/// Several things in a sentence: `a, b, c`.
pub fn enumerated(things: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut text = String::new();
    for thing in things {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(thing.as_ref());
    }
    text
}
