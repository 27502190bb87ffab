//! An installation and its checks, as text.

use std::fmt::Write as _;

use super::output::steps;
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

fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Warn => "!",
        Verdict::Fail => "✗",
        Verdict::Unknown => "?",
    }
}
