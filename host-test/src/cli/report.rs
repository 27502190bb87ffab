//! A connection and its checks, for a person or a program.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::output::{problem_json, steps};
use crate::contract::types::{Check, Verdict};
use crate::marketplace::Connection;

/// What was changed at the provider, a line each.
pub fn changes(connection: &Connection) -> String {
    let mut text = String::new();
    for change in &connection.changes {
        let _ = writeln!(text, "  · {change}");
    }
    text
}

/// Whose account it is, and where deliveries go: as registered, and the installation's own URL.
pub fn details(connection: &Connection) -> String {
    let account = connection.account.as_deref().unwrap_or("(the key may not read it)");
    let mut text = format!("  account  {account}\n  webhook  {}\n", connection.webhook_url);
    if connection.installation_url != connection.webhook_url {
        let _ = writeln!(text, "  its own  {}", connection.installation_url);
    }
    text
}

/// A connection for a program.
pub fn connection_json(connection: &Connection) -> Value {
    json!({
        "installation": connection.installation,
        "provider": connection.provider,
        "mode": connection.mode.as_str(),
        "account": connection.account,
        "webhook_url": connection.webhook_url,
        "installation_url": connection.installation_url,
        "problem": connection.problem.as_ref().map(problem_json),
        "changes": connection.changes,
        "rotation": connection.is_rotation,
    })
}

/// Checks for a person. What several say with the same words stands there once.
pub fn checks_text<'a>(checks: impl IntoIterator<Item = &'a Check>) -> String {
    let mut said = Vec::new();
    for check in checks {
        let text = format!("{} {}\n{}", mark(check.verdict), check.message, steps(&check.remedy));
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said.concat()
}

/// Checks for a program.
pub fn checks_json(checks: &[Check]) -> Vec<Value> {
    let check = |check: &Check| {
        json!({
            "id": check.id,
            "verdict": verdict_word(check.verdict),
            "message": check.message,
            "remedy": check.remedy,
        })
    };
    checks.iter().map(check).collect()
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Warn => "!",
        Verdict::Fail => "✗",
        Verdict::Unknown => "?",
    }
}
