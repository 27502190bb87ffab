//! An installation and its checks, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::output::{problem_json, steps};
use crate::contract::types::{Check, Verdict};
use crate::marketplace::Connection;

/// What was changed at the provider, one line each.
pub fn changes(connection: &Connection) -> String {
    let mut text = String::new();
    for change in &connection.changes {
        let _ = writeln!(text, "  · {change}");
    }
    text
}

/// The account, the registered webhook URL, and the installation's own URL if it is another.
pub fn details(connection: &Connection) -> String {
    let account = connection.account.as_deref().unwrap_or("(the key is not allowed to read it)");
    let mut text = format!("  account  {account}\n  webhook  {}\n", connection.webhook_url);
    if connection.installation_url != connection.webhook_url {
        let _ = writeln!(text, "  own URL  {}", connection.installation_url);
    }
    for origin in &connection.page_origins {
        let _ = writeln!(text, "  pages    {origin}");
    }
    text
}

/// An installation for a program.
pub fn connection_json(connection: &Connection) -> Value {
    json!({
        "installation": connection.installation,
        "provider": connection.provider,
        "mode": connection.mode.as_str(),
        "account": connection.account,
        "webhook_url": connection.webhook_url,
        "installation_url": connection.installation_url,
        "page_origins": connection.page_origins,
        "problem": connection.problem.as_ref().map(problem_json),
        "changes": connection.changes,
        "rotation": connection.is_rotation,
    })
}

/// Checks for a person. Checks with the same text are printed once.
pub fn checks_text<'a>(checks: impl IntoIterator<Item = &'a Check>) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let text = format!("{} {}\n{}", symbol(check.verdict), check.message, steps(&check.remedy));
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    lines.concat()
}

/// Checks for a program.
pub fn checks_json(checks: &[Check]) -> Vec<Value> {
    let check = |check: &Check| {
        json!({
            "id": check.id,
            "verdict": verdict_name(check.verdict),
            "message": check.message,
            "remedy": check.remedy,
        })
    };
    checks.iter().map(check).collect()
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    }
}

fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Warn => "!",
        Verdict::Fail => "✗",
        Verdict::Unknown => "?",
    }
}
