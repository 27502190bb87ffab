//! Why an event could not be triggered.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

/// Why an event could not be triggered. Nothing has happened then, except in the last two cases.
#[derive(Debug)]
pub enum TriggerError {
    /// There is no such event, or the fake cannot make it happen.
    UnknownEvent {
        /// What was asked for.
        event: String,
        /// The events that there are.
        known: Vec<&'static str>,
    },
    /// The event's object has no such field, or it cannot be chosen.
    UnknownPath {
        /// What was asked for.
        path: String,
        /// The fields that can be chosen.
        known: &'static [&'static str],
    },
    /// A field cannot have this value.
    InvalidValue {
        /// The field.
        path: String,
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// The caller is on another computer.
    NotFromThisComputer,
    /// The fake did what it could, and there is no such event.
    DidNotHappen {
        /// What was asked for.
        event: String,
    },
    /// No fake answers there.
    Unreachable {
        /// Where it was asked.
        url: String,
        /// What the connection says.
        reason: String,
    },
    /// What answers there is no fake.
    NotTheFake {
        /// Where it was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The fake has refused, for one of the first reasons.
    Refused(Refusal),
}

/// A refusal, as the fake sends it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// For a program.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// What to do, in steps.
    pub remedy: Vec<String>,
}

impl TriggerError {
    /// For a program.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownEvent { .. } => "event-unknown",
            Self::UnknownPath { .. } => "override-unknown",
            Self::InvalidValue { .. } => "override-invalid",
            Self::NotFromThisComputer => "not-from-this-computer",
            Self::DidNotHappen { .. } => "event-did-not-happen",
            Self::Unreachable { .. } => "fake-unreachable",
            Self::NotTheFake { .. } => "not-the-fake",
            Self::Refused(refusal) => &refusal.code,
        }
    }

    /// What to do, in steps.
    #[must_use]
    pub fn remedy(&self) -> Vec<String> {
        match self {
            Self::UnknownEvent { known, .. } => {
                vec![format!("Choose one of: {}.", known.join(", "))]
            }
            Self::UnknownPath { known, .. } => {
                vec![format!("These can be chosen for this event: {}.", known.join(", "))]
            }
            Self::InvalidValue { .. } => vec!["Give another value.".to_owned()],
            Self::NotFromThisComputer => {
                vec!["Run the command on the computer of the fake.".to_owned()]
            }
            Self::DidNotHappen { .. } => {
                vec!["Report this: it is an error of the fake.".to_owned()]
            }
            Self::Unreachable { .. } => vec![
                "Start the fake: `host-test fake-stripe`.".to_owned(),
                "If it listens elsewhere, say where: `--at http://127.0.0.1:PORT`.".to_owned(),
            ],
            Self::NotTheFake { .. } => {
                vec![
                    "Give the address that the fake has printed: `--at http://127.0.0.1:PORT`."
                        .to_owned(),
                ]
            }
            Self::Refused(refusal) => refusal.remedy.clone(),
        }
    }

    /// As the fake sends it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal { code: self.code().to_owned(), message: self.to_string(), remedy: self.remedy() }
    }
}

impl Display for TriggerError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownEvent { event, .. } => {
                write!(formatter, "The fake cannot make the event `{event}` happen.")
            }
            Self::UnknownPath { path, .. } => {
                write!(formatter, "The field `{path}` cannot be chosen for this event.")
            }
            Self::InvalidValue { path, reason } => {
                write!(formatter, "The field `{path}` cannot have this value: {reason}")
            }
            Self::NotFromThisComputer => {
                formatter.write_str("Events can only be triggered from the computer of the fake.")
            }
            Self::DidNotHappen { event } => {
                write!(formatter, "The event `{event}` did not happen.")
            }
            Self::Unreachable { url, reason } => {
                write!(formatter, "No fake answers at {url}: {reason}.")
            }
            Self::NotTheFake { url, status } => {
                write!(
                    formatter,
                    "What answers at {url} is not the fake: it answered with {status}."
                )
            }
            Self::Refused(refusal) => formatter.write_str(&refusal.message),
        }
    }
}

impl std::error::Error for TriggerError {}
