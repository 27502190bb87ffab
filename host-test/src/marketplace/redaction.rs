//! Removes credentials and signing secrets from what a plugin says.

use super::sealed::OpenedInstallation;
use crate::contract::types::{Problem, ProviderError};
use crate::egress::Credentials;

impl OpenedInstallation {
    /// The problem without the installation's credentials and signing secrets.
    pub(super) fn redacted(&self, problem: Problem) -> Problem {
        let secrets = self.installation.webhook.signing_secrets.iter().enumerate();
        let secrets = secrets.map(|(number, secret)| (number.to_string(), secret.clone().into()));
        redacted_problem(&Credentials::new(secrets), redacted_problem(&self.credentials, problem))
    }
}

/// The error without the credentials.
pub(super) fn redacted_error(credentials: &Credentials, mut error: ProviderError) -> ProviderError {
    let problem = error.problem_mut();
    *problem = redacted_problem(credentials, problem.clone());
    error
}

/// The problem without the credentials.
pub(super) fn redacted_problem(credentials: &Credentials, mut problem: Problem) -> Problem {
    problem.code = credentials.redact(&problem.code);
    problem.message = credentials.redact(&problem.message);
    for step in &mut problem.remedy {
        *step = credentials.redact(step);
    }
    problem
}
