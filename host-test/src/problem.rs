//! Problems: a code for a program, a sentence for a person, and what to do next.

use crate::contract::types::{Problem, ProviderError, WebhookError};

impl Problem {
    /// Makes one.
    pub fn new(code: &str, message: impl Into<String>, remedy: &[&str]) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
        }
    }
}

impl ProviderError {
    /// What to tell a person.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        match self {
            Self::InvalidCredentials(problem)
            | Self::PermissionMissing(problem)
            | Self::NotFound(problem)
            | Self::Refused(problem)
            | Self::Unavailable(problem)
            | Self::UnknownOutcome(problem)
            | Self::Other(problem) => problem,
        }
    }

    /// The same, to be changed.
    pub(crate) fn problem_mut(&mut self) -> &mut Problem {
        match self {
            Self::InvalidCredentials(problem)
            | Self::PermissionMissing(problem)
            | Self::NotFound(problem)
            | Self::Refused(problem)
            | Self::Unavailable(problem)
            | Self::UnknownOutcome(problem)
            | Self::Other(problem) => problem,
        }
    }
}

impl WebhookError {
    /// What to tell a person.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Refused(problem) | Self::Unavailable(problem) | Self::Other(problem) => problem,
        }
    }
}
