//! The errors of the contract, as the kit tells them.

use crate::contract::types::{Problem, ProviderError, WebhookError};

/// An error of the contract: its case and its problem.
pub trait Told {
    /// The case, as the contract spells it.
    fn case(&self) -> &'static str;
    /// The problem.
    fn told(&self) -> &Problem;
}

impl Told for ProviderError {
    fn case(&self) -> &'static str {
        match self {
            Self::InvalidCredentials(_) => "invalid-credentials",
            Self::PermissionMissing(_) => "permission-missing",
            Self::NotFound(_) => "not-found",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::UnknownOutcome(_) => "unknown-outcome",
            Self::KeySpent(_) => "key-spent",
            Self::ReplayedFailure(_) => "replayed-failure",
            Self::Other(_) => "other",
        }
    }

    fn told(&self) -> &Problem {
        self.problem()
    }
}

impl Told for WebhookError {
    fn case(&self) -> &'static str {
        match self {
            Self::Unverified(_) => "unverified",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Other(_) => "other",
        }
    }

    fn told(&self) -> &Problem {
        self.problem()
    }
}
