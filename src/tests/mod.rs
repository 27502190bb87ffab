//! The use cases, natively: no component, no host, no HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connection;
mod messages;
mod payments;
mod stand_in;

use std::fmt::Write as _;

use crate::bindings::brain_studio::payments::types::Problem;

/// Writes a problem as a person reads it.
pub fn write_problem(text: &mut String, title: &str, problem: &Problem) {
    writeln!(text, "{title}\n  {}: {}", problem.code, problem.message).unwrap();
    for step in &problem.remedy {
        writeln!(text, "  - {step}").unwrap();
    }
}
