//! Making and reading the contract's `problem`.

use crate::contract::types::{Problem, ProviderError, WebhookError};

impl Problem {
    /// A problem with its code, its message for a person, and the steps of its remedy.
    pub fn new(code: &str, message: impl Into<String>, remedy: &[&str]) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
        }
    }
}

/// The problem of a provider error, in any case of it.
macro_rules! problem_of {
    ($error:expr) => {
        match $error {
            ProviderError::InvalidCredentials(problem)
            | ProviderError::PermissionMissing(problem)
            | ProviderError::NotFound(problem)
            | ProviderError::Refused(problem)
            | ProviderError::Unavailable(problem)
            | ProviderError::UnknownOutcome(problem)
            | ProviderError::KeySpent(problem)
            | ProviderError::ReplayedFailure(problem)
            | ProviderError::Other(problem) => problem,
        }
    };
}

impl ProviderError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        problem_of!(self)
    }

    /// Whether the provider may have carried the request out.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::UnknownOutcome(_) | Self::KeySpent(_) | Self::ReplayedFailure(_))
    }

    /// The problem, to be changed.
    pub(crate) fn problem_mut(&mut self) -> &mut Problem {
        problem_of!(self)
    }
}

impl WebhookError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Unverified(problem)
            | Self::Refused(problem)
            | Self::Unavailable(problem)
            | Self::Other(problem) => problem,
        }
    }

    /// The problem, to be changed.
    pub(crate) fn problem_mut(&mut self) -> &mut Problem {
        match self {
            Self::Unverified(problem)
            | Self::Refused(problem)
            | Self::Unavailable(problem)
            | Self::Other(problem) => problem,
        }
    }
}
