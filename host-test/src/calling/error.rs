//! What is wrong with the arguments of a call.

use std::fmt::Write as _;

use thiserror::Error;

use crate::contract::types::Problem;
use crate::foreign::line;

/// How much of a name that is not known is shown, in characters. Our own choice.
const LONGEST_NAME: usize = 64;

/// What is wrong with the arguments of a call. `at` is the place in the JSON, such as `request.amount.currency`. No
/// value is repeated: it may be a secret.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ArgumentError {
    /// The contract has no such function.
    #[error("the contract has no function '{name}'")]
    UnknownFunction {
        /// As it was given.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// A field is missing.
    #[error("'{0}' is missing")]
    Missing(String),
    /// There is no such field.
    #[error("there is no field '{at}'")]
    UnknownField {
        /// The place.
        at: String,
        /// The fields that there are.
        known: Vec<String>,
    },
    /// A value is of another type.
    #[error("'{at}' has to be {expected}")]
    WrongType {
        /// The place.
        at: String,
        /// What it has to be.
        expected: String,
    },
    /// There is no such case.
    #[error("'{at}' is none of its cases")]
    UnknownCase {
        /// The place.
        at: String,
        /// The cases that there are.
        known: Vec<String>,
    },
}

impl ArgumentError {
    /// The function's name is not known.
    pub(super) fn unknown_function(name: &str, known: Vec<String>) -> Self {
        Self::UnknownFunction { name: line(name, LONGEST_NAME).into_owned(), known }
    }

    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (code, what, step) = match self {
            Self::UnknownFunction { known, .. } => {
                let step = format!("Give one of these: {}.", known.join(", "));
                return Problem::new("function-unknown", capitalized(self), &[&step]);
            }
            Self::NotJson(_) => ("json-unreadable", None, String::new()),
            Self::Missing(_) => ("json-field-missing", None, String::new()),
            Self::UnknownField { known, .. } => {
                ("json-field-unknown", Some("Its fields"), known.join(", "))
            }
            Self::WrongType { .. } => ("json-type-wrong", None, String::new()),
            Self::UnknownCase { known, .. } => {
                ("json-case-unknown", Some("The cases"), known.join(", "))
            }
        };
        let example = "Compare it with the example: the same command without the JSON prints one.";
        let message = format!("The JSON of the arguments cannot be used: {self}.");
        match what {
            Some(what) => Problem::new(code, message, &[&format!("{what} are: {step}."), example]),
            None => Problem::new(code, message, &[example]),
        }
    }
}

/// As a sentence.
fn capitalized(error: &ArgumentError) -> String {
    let mut sentence = String::new();
    let text = error.to_string();
    let mut letters = text.chars();
    let _ = write!(
        sentence,
        "{}{}.",
        letters.next().unwrap_or_default().to_uppercase(),
        letters.as_str()
    );
    sentence
}
