//! The results for a program, as JSON: what the command line prints with `--json`, and what the control listener
//! answers.

mod attention;
mod component;
mod connection;
mod deliveries;
mod flow;
mod payment;
mod reconciliation;

use serde_json::{Value, json};

pub use attention::{accepted, attention, closed_attention, resolved};
pub use component::{approved, component, page_origin_approved};
pub use connection::{connection, uninstalled, workspaces};
pub use deliveries::{kept_deliveries, replayed};
pub use flow::{history, next_page, payments, pruned, transitions};
pub use payment::{dispute, payment, provider_payment, refund, refunded};
pub use reconciliation::{readiness, reconciliation, restored};

use crate::contract::types::Problem;
use crate::foreign::is_visible;

/// A problem.
#[must_use]
pub fn problem(problem: &Problem) -> Value {
    json!({ "code": problem.code, "message": problem.message, "remedy": problem.remedy })
}

/// A text without characters that nobody can see, but with its line breaks. What a plugin says is clean already; what
/// another program has stored may not be.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || is_visible(c)).collect()
}

/// JSON of which every text is printable.
#[must_use]
pub fn visible(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text)),
        Value::Array(values) => values.into_iter().map(visible).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (printable(&name), visible(value))).collect()
        }
        other => other,
    }
}
