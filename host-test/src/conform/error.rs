//! Why the kit itself cannot run. What a plugin does wrong is a verdict, and no error.

use std::io;

use thiserror::Error;

use crate::contract::types::Problem;
use crate::egress::PolicyError;
use crate::foreign::line;

/// How much of what the fake has said is shown, in characters. Our own choice.
const LONGEST_SAID: usize = 300;

/// Why the kit cannot run.
#[derive(Debug, Error)]
pub enum KitError {
    /// The scenario's file cannot be read.
    #[error("the scenario cannot be read: {0}")]
    ScenarioUnreadable(io::Error),
    /// It is no scenario.
    #[error("the scenario cannot be used: {0}")]
    ScenarioInvalid(String),
    /// A text has a name without a value.
    #[error("{{{0}}} has no value")]
    PlaceholderUnknown(String),
    /// The fake cannot be started.
    #[error("the fake cannot be started: {0}")]
    FakeNotStarted(String),
    /// A request of the scenario has failed at the fake: what was asked, and why.
    #[error("{what} failed at the fake: {why}")]
    FakeRefused {
        /// What the request is for.
        what: String,
        /// The status, and what the fake has said.
        why: String,
    },
    /// An address cannot be used.
    #[error(transparent)]
    Address(#[from] PolicyError),
    /// The kit has no port, folder or client for itself.
    #[error("{0}")]
    Host(String),
    /// There is no such rule. Those that there are.
    #[error("there is no rule {name}")]
    RuleUnknown {
        /// The name that was given.
        name: String,
        /// The names of all rules.
        known: Vec<&'static str>,
    },
    /// The rule has no such case. Those that it has.
    #[error("there is no case {name}")]
    CaseUnknown {
        /// The name that was given.
        name: String,
        /// The names of the rule's cases.
        known: Vec<String>,
    },
    /// It could not run in this case.
    #[error("in the case {case}: {error}")]
    InCase {
        /// The rule and the case.
        case: String,
        /// Why.
        error: Box<KitError>,
    },
    /// The report cannot be written to its file.
    #[error("the report cannot be written: {0}")]
    ReportUnwritable(io::Error),
}

impl KitError {
    /// A refusal of the fake, on one line.
    #[must_use]
    pub fn refused(what: &str, why: &str) -> Self {
        Self::FakeRefused { what: what.to_owned(), why: line(why, LONGEST_SAID).into_owned() }
    }

    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (code, remedy): (_, Vec<String>) = match self {
            Self::ScenarioUnreadable(_) => {
                ("scenario-unreadable", vec!["Give the path of a scenario's file.".to_owned()])
            }
            Self::ScenarioInvalid(_) => (
                "scenario-invalid",
                vec!["Correct the scenario: host-test/SCENARIO.md has every field.".to_owned()],
            ),
            Self::PlaceholderUnknown(_) => (
                "scenario-placeholder-unknown",
                vec![
                    "Correct the name in the scenario, or let the fake print it in its first line."
                        .to_owned(),
                ],
            ),
            Self::FakeNotStarted(_) => (
                "fake-not-started",
                vec![
                    "Run the command of `fake` by hand: it has to print one line of JSON with its addresses, and go on."
                        .to_owned(),
                ],
            ),
            Self::FakeRefused { .. } => (
                "fake-refused",
                vec!["Correct the request in the scenario, or the fake.".to_owned()],
            ),
            Self::Address(_) => (
                "scenario-address-invalid",
                vec!["Correct `origins` of the scenario: only this computer may stand in.".to_owned()],
            ),
            Self::Host(_) => ("kit-broken", vec!["Run it again.".to_owned()]),
            Self::RuleUnknown { known, .. } => {
                ("rule-unknown", vec![format!("The rules are: {}.", known.join(", "))])
            }
            Self::CaseUnknown { known, .. } => {
                ("case-unknown", vec![format!("The cases are: {}.", known.join(", "))])
            }
            Self::InCase { error, .. } => {
                let Problem { code, remedy, .. } = error.problem();
                return Problem { code, message: sentence(&self.to_string()), remedy };
            }
            Self::ReportUnwritable(_) => {
                ("report-unwritable", vec!["Give a path that can be written.".to_owned()])
            }
        };
        Problem { code: code.to_owned(), message: sentence(&self.to_string()), remedy }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(char::to_uppercase).into_iter().flatten().collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
