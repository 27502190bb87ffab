//! Rules, their cases, and what becomes of a case.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::error::KitError;
use super::evidence::Evidence;
use super::kit::Kit;
use crate::contract::types::Problem;
use crate::marketplace::Error;
use crate::plugin::CallError;

/// A rule of the contract.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// Why it matters, in one sentence.
    pub why: &'static str,
    /// Its cases for a plugin and a scenario.
    pub cases: fn(Arc<Kit>) -> FoundCases,
}

/// The cases of a rule, or why they cannot be found out.
pub type FoundCases = BoxFuture<'static, Result<Vec<Case>, Ending>>;

/// What a case does.
type Run = Box<dyn FnOnce(Arc<Kit>, Evidence) -> BoxFuture<'static, Outcome> + Send>;

/// One case of a rule, which has a fake of its own.
pub struct Case {
    /// Its name, without the rule's.
    pub name: String,
    /// What the case does, and what it has found.
    pub run: Run,
}

impl Case {
    /// A case.
    pub fn new<F>(
        name: impl Into<String>,
        run: impl FnOnce(Arc<Kit>, Evidence) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Self { name: name.into(), run: Box::new(|kit, evidence| Box::pin(run(kit, evidence))) }
    }
}

/// A case of several parts: it does not apply only if no part of it does.
#[derive(Default)]
pub struct Parts {
    has_judged: bool,
    reason: Option<String>,
}

impl Parts {
    /// Takes what one part comes to.
    ///
    /// # Errors
    ///
    /// The part has failed, or could not be tested.
    pub fn add(&mut self, part: Outcome) -> Outcome {
        match part {
            Ok(()) => self.has_judged = true,
            Err(Ending::NotApplicable(why)) => {
                self.reason.get_or_insert(why);
            }
            Err(ending) => return Err(ending),
        }
        Ok(())
    }

    /// What the case comes to.
    ///
    /// # Errors
    ///
    /// No part of it applies.
    pub fn end(self) -> Outcome {
        match self.reason {
            Some(why) if !self.has_judged => Err(Ending::NotApplicable(why)),
            _ => Ok(()),
        }
    }
}

/// What a case comes to. It passes, unless it ends otherwise.
pub type Outcome = Result<(), Ending>;

/// Why a case does not pass.
#[derive(Debug)]
pub enum Ending {
    /// The plugin does not keep the rule: a sentence.
    Failed(String),
    /// The rule does not apply: a reason.
    NotApplicable(String),
    /// The scenario does not say what the case needs: a reason.
    NotTested(String),
    /// The kit cannot run.
    Broken(KitError),
}

impl From<KitError> for Ending {
    fn from(error: KitError) -> Self {
        match error {
            // What the plugin has made may be why: a page that is not there, an id that nobody knows.
            KitError::FakeRefused { .. } => Self::Failed(described(&error.problem())),
            error => Self::Broken(error),
        }
    }
}

impl From<CallError> for Ending {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoPlace(_) | CallError::HostLimitReached(_) => {
                Self::Broken(KitError::Host(format!("this computer is too busy: {error}")))
            }
            error => Self::Failed(described(&error.problem())),
        }
    }
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        match error {
            Error::Ledger(_) | Error::DataFolder(_) | Error::Vault(_) | Error::Client(_) => {
                Self::Broken(KitError::Host(format!("the host failed: {error}")))
            }
            error => Self::Failed(described(&error.problem())),
        }
    }
}

/// A problem as a sentence, with its code.
#[must_use]
pub fn described(problem: &Problem) -> String {
    format!("{} ({})", problem.message, problem.code)
}

/// Fails a case.
pub fn failed<T>(why: impl Into<String>) -> Result<T, Ending> {
    Err(Ending::Failed(why.into()))
}

/// Fails a case unless something holds.
pub fn expect(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { failed(why()) }
}

/// Ends a case that does not apply.
pub fn not_applicable<T>(why: impl Into<String>) -> Result<T, Ending> {
    Err(Ending::NotApplicable(why.into()))
}

/// Ends a case for which the scenario says too little.
pub fn not_tested<T>(why: impl Into<String>) -> Result<T, Ending> {
    Err(Ending::NotTested(why.into()))
}

/// The codes with which the host says that a plugin has not kept the contract.
const BROKEN_CONTRACT: [&str; 7] = [
    "plugin-crashed",
    "plugin-timeout",
    "plugin-limit-reached",
    "answer-refused",
    "answer-holds-secret",
    "page-not-approved",
    "installation-foreign",
];

/// Fails a case for what the host says in the plugin's place.
pub fn expect_contract(problem: &Problem) -> Outcome {
    expect(!BROKEN_CONTRACT.contains(&problem.code.as_str()), || described(problem))
}
