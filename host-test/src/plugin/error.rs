//! Errors: a component that cannot be loaded, and a call without a result.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use wasmtime::Trap;

use super::bounds::Bound;
use super::call_memory::HostLimitReached;
use super::manifest::ManifestError;
use super::rules::RuleError;
use crate::contract::types::Problem;
use crate::egress::PolicyError;
use crate::fair_places::NoPlace;
use crate::foreign::{AnswerError, REPEAT, line, one_line};
use crate::limit::Limit;

/// How much is shown of why a call was ended, in characters. Our own choice.
const LONGEST_CAUSE: usize = 200;

/// An error of wasmtime with its causes, on one line: it may repeat names of the component.
pub(super) fn shown(error: &wasmtime::Error) -> String {
    one_line(&format!("{error:#}")).into_owned()
}

/// Why a component cannot be used as a plugin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is a core module.
    #[error("it is a WebAssembly module, not a component")]
    CoreModule,
    /// It is no WebAssembly component.
    #[error("{0}")]
    NotAComponent(String),
    /// Compiling it costs too much.
    #[error("{0}")]
    TooCostly(CompileBound),
    /// It consists of more than a call may have.
    #[error("{0}")]
    TooLarge(Bound),
    /// The process that compiles cannot be started.
    #[error("{0}")]
    CompilerNotStarted(std::io::Error),
    /// The process that compiles ended without an answer, but not at a bound.
    #[error("{0}")]
    CompilerFailed(String),
    /// It imports more than `http`.
    #[error("it imports {}", .0.join(", "))]
    ForbiddenImports(Vec<String>),
    /// It does not export the contract's interface.
    #[error("it does not export {0}")]
    InterfaceMissing(String),
    /// It does not export all of its functions.
    #[error("it does not export {}", .0.join(", "))]
    FunctionsMissing(Vec<String>),
    /// Its functions have other types.
    #[error("{0}")]
    TypesDiffer(String),
    /// `describe` failed.
    #[error(transparent)]
    Describe(CallError),
    /// Its manifest cannot be used.
    #[error(transparent)]
    Manifest(ManifestError),
    /// The credential fields of its manifest cannot be used.
    #[error(transparent)]
    Rules(RuleError),
    /// The origins of its manifest cannot be used.
    #[error(transparent)]
    Origins(PolicyError),
}

impl LoadError {
    /// The problem for a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        const BUILD: &str = "Build it for the world payment-plugin of the package brain-studio:payments@0.3.0 (see wit/).";
        match self {
            Self::Unreadable(path, error) => Problem::new(
                "component-unreadable",
                format!("The component's file {} cannot be read: {error}.", path.display()),
                &["Give the path of a component's file."],
            ),
            Self::CoreModule => Problem::new(
                "component-is-a-module",
                "The file is a WebAssembly module, not a component.",
                &["Turn it into a component: `host-test componentize MODULE --output FILE`."],
            ),
            Self::NotAComponent(why) => Problem::new(
                "component-invalid",
                format!("The file is not a WebAssembly component: {why}."),
                &[BUILD],
            ),
            Self::TooCostly(bound) => Problem::new(
                "component-too-costly",
                format!("The component costs too much to be compiled: {bound}."),
                &[
                    "Build it for size, without debug information and names.",
                    "If it contains a very large function, such as a table that was turned into code, split it.",
                ],
            ),
            Self::TooLarge(bound) => Problem::new(
                "component-too-large",
                format!("The component is too large to be run: {bound}."),
                &["Build it from fewer or smaller parts."],
            ),
            Self::CompilerNotStarted(error) => Problem::new(
                "compiler-not-started",
                format!("The process that compiles the component cannot be started: {error}."),
                &["Check that this program's file is still in its place, and start it again."],
            ),
            Self::CompilerFailed(why) => Problem::new(
                "compiler-failed",
                format!(
                    "The component was not compiled, because the compiler ended without an answer: {why}."
                ),
                &[
                    "Try again: the machine may have had too little memory.",
                    "If it keeps happening, build the component with another version of its tools.",
                ],
            ),
            Self::ForbiddenImports(names) => Problem::new(
                "component-imports-forbidden",
                format!(
                    "The component imports {}. A plugin may import brain-studio:payments/http and no other function.",
                    names.join(", ")
                ),
                &[
                    "Remove the code that needs it. For Rust: build for wasm32-unknown-unknown, which imports no WASI.",
                ],
            ),
            Self::InterfaceMissing(name) => Problem::new(
                "component-interface-missing",
                format!(
                    "The component does not implement the contract: the interface {name} is missing."
                ),
                &[BUILD],
            ),
            Self::FunctionsMissing(names) => Problem::new(
                "component-functions-missing",
                format!(
                    "The component implements only a part of the contract. Missing functions: {}.",
                    names.join(", ")
                ),
                &[BUILD],
            ),
            Self::TypesDiffer(why) => Problem::new(
                "component-types-differ",
                format!("The component was built for another version of the contract: {why}."),
                &[BUILD],
            ),
            Self::Describe(error) => error.problem(),
            Self::Manifest(error) => Problem::new(
                "manifest-invalid",
                format!("The plugin's manifest cannot be used: {error}."),
                &["Correct `describe` of the plugin."],
            ),
            Self::Rules(error) => Problem::new(
                "manifest-invalid",
                format!("The plugin's manifest cannot be used: {error}."),
                &["Correct `credentials` in the manifest of the plugin."],
            ),
            Self::Origins(error) => origins_invalid(error),
        }
    }
}

/// What compiling a component must not exceed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CompileBound {
    /// The size of the component, in bytes.
    #[error("it is larger than {}", size(*.0 as u64))]
    Component(usize),
    /// The seconds that the compiler computes.
    #[error("the compiler computes for more than {0} seconds")]
    ComputingTime(u64),
    /// The memory of the compiler, in bytes.
    #[error("the compiler needs more memory than {}", size(*.0))]
    Memory(u64),
    /// The time until the compiler has an answer.
    #[error("the compiler has no answer after {} seconds", .0.as_secs())]
    Time(Duration),
    /// The size of the machine code, in bytes.
    #[error("its machine code is larger than {}", size(*.0 as u64))]
    Code(usize),
}

/// A size in bytes for a person.
fn size(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// The problem of a manifest whose origins cannot be used.
#[must_use]
pub fn origins_invalid(error: &PolicyError) -> Problem {
    Problem::new(
        "origins-invalid",
        format!("The plugin's list of origins cannot be used: {error}."),
        &["Correct the manifest of the plugin."],
    )
}

/// Why a call has no result. No other call is affected.
#[derive(Debug, Error)]
pub enum CallError {
    /// Its time limit is over.
    #[error("it took too long")]
    TimedOut,
    /// It computed for more than a second.
    #[error("it computed for too long")]
    Interrupted,
    /// It trapped.
    #[error("{0}")]
    Trapped(String),
    /// It has reached a bound.
    #[error("{0}")]
    LimitReached(Bound),
    /// It answered with something that must not be used.
    #[error(transparent)]
    AnswerRefused(AnswerError),
    /// It did not begin: too many calls are under way.
    #[error("there was no place for the call: {0}")]
    NoPlace(NoPlace),
    /// The host has ended it at one of its limits.
    #[error("the host's limit `{}` is reached", .0.as_str())]
    HostLimitReached(Limit),
}

impl CallError {
    pub(super) fn from_wasmtime(error: &wasmtime::Error) -> Self {
        if let Some(HostLimitReached(limit)) = error.downcast_ref::<HostLimitReached>() {
            return Self::HostLimitReached(*limit);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Interrupted,
            // Only the trap: the rest of the error may contain the guest's arguments.
            Some(trap) => Self::Trapped(trap.to_string()),
            None if let Some(bound) = Bound::of(error) => Self::LimitReached(bound),
            // Its cause: around it stands a backtrace with names that the guest has chosen.
            None => {
                Self::Trapped(line(&error.root_cause().to_string(), LONGEST_CAUSE).into_owned())
            }
        }
    }

    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        const TRY_AGAIN: &[&str] = &[REPEAT, "If it keeps happening, tell the plugin's developer."];
        match self {
            Self::TimedOut | Self::Interrupted => Problem::new(
                "plugin-timeout",
                "The plugin took too long and was stopped.",
                TRY_AGAIN,
            ),
            Self::Trapped(why) => {
                Problem::new("plugin-crashed", format!("The plugin crashed: {why}."), TRY_AGAIN)
            }
            Self::LimitReached(bound) => Problem::new(
                "plugin-limit-reached",
                format!("The plugin was stopped, because it has reached a limit: {bound}."),
                TRY_AGAIN,
            ),
            Self::AnswerRefused(why) => why.problem(),
            Self::NoPlace(why) => Problem::new(
                "host-busy",
                format!("Too many calls are under way, so nothing was done: {why}."),
                &["Try again in a moment."],
            ),
            Self::HostLimitReached(limit) => Problem::new(
                "host-limit-reached",
                format!("The call was ended: the host's limit `{0}` is reached.", limit.as_str()),
                &[
                    REPEAT,
                    "If it keeps happening, start `serve` with a higher limit: see its --help.",
                ],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Every message, kept as a snapshot: a changed message is seen as a change.
    #[test]
    fn messages_are_unchanged() {
        let name = || "a".to_owned();
        let unreadable = std::io::Error::other("no such file");
        let pattern =
            RuleError::Pattern { field: name(), number: 2, why: "unclosed group".to_owned() };
        let errors = [
            LoadError::Unreadable("plugin.wasm".into(), unreadable),
            LoadError::CoreModule,
            LoadError::NotAComponent("it is not WebAssembly".to_owned()),
            LoadError::TooCostly(CompileBound::Component(32 << 20)),
            LoadError::TooCostly(CompileBound::ComputingTime(60)),
            LoadError::TooCostly(CompileBound::Memory(1 << 30)),
            LoadError::TooCostly(CompileBound::Time(Duration::from_mins(2))),
            LoadError::TooCostly(CompileBound::Code(128 << 20)),
            LoadError::TooLarge(Bound::CoreInstances),
            LoadError::TooLarge(Bound::Memories),
            LoadError::TooLarge(Bound::Memory),
            LoadError::TooLarge(Bound::Tables),
            LoadError::TooLarge(Bound::TableElements),
            LoadError::TooLarge(Bound::InstanceData),
            LoadError::CompilerNotStarted(std::io::Error::other("no such file")),
            LoadError::CompilerFailed("signal: 9 (SIGKILL)".to_owned()),
            LoadError::ForbiddenImports(vec!["wasi:cli/stderr#get-stderr".to_owned()]),
            LoadError::InterfaceMissing("brain-studio:payments/payment-provider@0.3.0".to_owned()),
            LoadError::FunctionsMissing(vec!["repair".to_owned()]),
            LoadError::TypesDiffer("expected a record".to_owned()),
            LoadError::Describe(CallError::TimedOut),
            LoadError::Describe(CallError::Interrupted),
            LoadError::Describe(CallError::Trapped("out of bounds".to_owned())),
            LoadError::Describe(CallError::NoPlace(NoPlace::QueueFull)),
            LoadError::Describe(CallError::NoPlace(NoPlace::TimedOut)),
            LoadError::Describe(CallError::HostLimitReached(Limit::Memory)),
            LoadError::Describe(CallError::LimitReached(Bound::Passed)),
            LoadError::Describe(CallError::LimitReached(Bound::Handles)),
            LoadError::Describe(CallError::AnswerRefused(AnswerError::SecretFound)),
            LoadError::Describe(CallError::AnswerRefused(AnswerError::Malformed("payment id"))),
            LoadError::Describe(CallError::AnswerRefused(AnswerError::NotAsked("amount"))),
            LoadError::Describe(CallError::AnswerRefused(AnswerError::PageNotApproved(
                "https://pay.example".to_owned(),
            ))),
            LoadError::Manifest(ManifestError::ProviderId(name())),
            LoadError::Manifest(ManifestError::Name(name())),
            LoadError::Manifest(ManifestError::Header(name())),
            LoadError::Manifest(ManifestError::Other(AnswerError::Malformed("version"))),
            LoadError::Rules(RuleError::TooManyFields),
            LoadError::Rules(RuleError::FieldName(name())),
            LoadError::Rules(RuleError::RuleCount(name())),
            LoadError::Rules(pattern),
            LoadError::Origins(PolicyError::NotAnOrigin(name())),
            LoadError::Origins(PolicyError::NotHttps(name())),
            LoadError::Origins(PolicyError::NotPublic(name())),
            LoadError::Origins(PolicyError::NotExact { given: name(), exact: "b".to_owned() }),
            LoadError::Origins(PolicyError::Twice(name())),
            LoadError::Origins(PolicyError::UnknownAuthorization(name())),
            LoadError::Origins(PolicyError::UnknownCredential(name())),
            LoadError::Origins(PolicyError::NotSecret(name())),
            LoadError::Origins(PolicyError::InvalidHeader(name())),
            LoadError::Origins(PolicyError::NotLoopback(name())),
            LoadError::Origins(PolicyError::NoReplacement(name())),
        ];
        let mut text = String::new();
        for error in errors {
            let problem = error.problem();
            writeln!(text, "{}: {}", problem.code, problem.message).unwrap();
            for step in problem.remedy {
                writeln!(text, "  - {step}").unwrap();
            }
        }
        insta::assert_snapshot!(text);
    }
}
