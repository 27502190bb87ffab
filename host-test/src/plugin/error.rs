//! Why a plugin cannot be loaded, or a call of it has no result.

use thiserror::Error;
use wasmtime::Trap;

use super::rules::RuleError;
use crate::contract::types::Problem;
use crate::egress::PolicyError;

/// Why a component cannot be used as a plugin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// It is a core module.
    #[error("it is a WebAssembly module, not a component")]
    CoreModule,
    /// It is nothing of the kind.
    #[error("{0}")]
    NotAComponent(String),
    /// It imports what no plugin may have.
    #[error("it imports {}", .0.join(", "))]
    ForbiddenImports(Vec<String>),
    /// It does not export the contract's interface.
    #[error("it does not export {0}")]
    InterfaceMissing(String),
    /// It does not export all of its functions.
    #[error("it does not export {}", .0.join(", "))]
    FunctionsMissing(Vec<String>),
    /// It has everything, in another form.
    #[error("{0}")]
    TypesDiffer(String),
    /// It does not say what it is.
    #[error(transparent)]
    Describe(CallError),
    /// The form of its manifest cannot be used.
    #[error(transparent)]
    Rules(RuleError),
    /// The origins of its manifest cannot be used.
    #[error(transparent)]
    Origins(PolicyError),
}

impl LoadError {
    /// What to tell a plugin developer.
    #[must_use]
    pub fn problem(&self) -> Problem {
        const BUILD: &str = "Build it for the world payment-plugin of the package brain-studio:payments@0.2.0 (see wit/).";
        match self {
            Self::Unreadable(error) => Problem::new(
                "component-unreadable",
                format!("The component's file cannot be read: {error}."),
                &["Give the path of a component's file."],
            ),
            Self::CoreModule => Problem::new(
                "component-is-a-module",
                "The file is a WebAssembly module, not a component.",
                &[
                    "Turn it into a component: `wasm-tools component new`, or `wit_component::ComponentEncoder`.",
                ],
            ),
            Self::NotAComponent(why) => Problem::new(
                "component-invalid",
                format!("The file is not a WebAssembly component: {why}."),
                &[BUILD],
            ),
            Self::ForbiddenImports(names) => Problem::new(
                "component-imports-forbidden",
                format!(
                    "The component asks for {}. A plugin may import brain-studio:payments/http and nothing else that can be called.",
                    names.join(", ")
                ),
                &[
                    "Remove what needs it. For Rust: build for wasm32-unknown-unknown, which imports no WASI.",
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
                    "The component implements only a part of the contract: missing are {}.",
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
            Self::Rules(error) => Problem::new(
                "manifest-invalid",
                format!("The plugin's manifest cannot be used: {error}."),
                &["Correct `credentials` in the manifest of the plugin."],
            ),
            Self::Origins(error) => origins_invalid(error),
        }
    }
}

/// The plugin's list of origins cannot be used.
#[must_use]
pub fn origins_invalid(error: &PolicyError) -> Problem {
    Problem::new(
        "origins-invalid",
        format!("The plugin's list of origins cannot be used: {error}."),
        &["Correct the manifest of the plugin."],
    )
}

/// Why a call has no result. It has ended, and nothing else with it.
#[derive(Debug, Error)]
pub enum CallError {
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// It ran for too long without waiting for anything.
    #[error("it ran for too long")]
    Interrupted,
    /// It crashed.
    #[error("{0}")]
    Trapped(String),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopped,
}

impl CallError {
    pub(super) fn of_trap(error: &wasmtime::Error) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Interrupted,
            // The trap alone: what stands around it may quote what the guest was given.
            Some(trap) => Self::Trapped(trap.to_string()),
            None => Self::Trapped(error.to_string()),
        }
    }

    /// What to tell a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        const TRY_AGAIN: &[&str] = &[
            "Try again: if it was a payment, with the same reference.",
            "If it keeps happening, tell the plugin's developer.",
        ];
        match self {
            Self::TimedOut | Self::Interrupted => Problem::new(
                "plugin-timeout",
                "The plugin took too long and was stopped.",
                TRY_AGAIN,
            ),
            Self::Trapped(why) => {
                Problem::new("plugin-crashed", format!("The plugin crashed: {why}."), TRY_AGAIN)
            }
            Self::Stopped => {
                Problem::new("host-stopping", "The host is stopping.", &["Start it again."])
            }
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
            LoadError::Unreadable(unreadable),
            LoadError::CoreModule,
            LoadError::NotAComponent("it is not WebAssembly".to_owned()),
            LoadError::ForbiddenImports(vec!["wasi:cli/stderr#get-stderr".to_owned()]),
            LoadError::InterfaceMissing("brain-studio:payments/payment-provider@0.2.0".to_owned()),
            LoadError::FunctionsMissing(vec!["repair".to_owned()]),
            LoadError::TypesDiffer("expected a record".to_owned()),
            LoadError::Describe(CallError::TimedOut),
            LoadError::Describe(CallError::Interrupted),
            LoadError::Describe(CallError::Trapped("out of bounds".to_owned())),
            LoadError::Describe(CallError::Stopped),
            LoadError::Rules(RuleError::TooManyFields),
            LoadError::Rules(RuleError::FieldName(name())),
            LoadError::Rules(RuleError::RuleCount(name())),
            LoadError::Rules(pattern),
            LoadError::Origins(PolicyError::NotAnOrigin(name())),
            LoadError::Origins(PolicyError::NotHttps(name())),
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
