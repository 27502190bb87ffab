//! `status`: every check, for a person or a program, once or again and again.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::CommandError;
use super::connection::{changes, connection_json, details};
use super::output::{Output, badge, print_line, steps};
use super::serve::interrupted;
use crate::contract::types::{Check, Verdict};
use crate::json::set;
use crate::marketplace::Marketplace;

/// Moves to the top and takes away what stands below.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// How to show it.
#[derive(Args)]
pub struct StatusArgs {
    /// Look again every few seconds, until it is interrupted
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "5", value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

pub async fn status(
    marketplace: &Marketplace,
    args: StatusArgs,
    as_json: bool,
) -> Result<Output, CommandError> {
    let Some(seconds) = args.watch else {
        return look(marketplace).await;
    };
    let mut interval = tokio::time::interval(Duration::from_secs(seconds));
    let stop = interrupted();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(Output::silent()),
            _ = interval.tick() => {}
        }
        let seen = tokio::select! {
            () = &mut stop => return Ok(Output::silent()),
            seen = look(marketplace) => seen?,
        };
        if !as_json && std::io::stdout().is_terminal() {
            print_line(CLEAR);
        }
        seen.print(as_json);
    }
}

async fn look(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let (connection, report) = marketplace.status().await?;
    let mut text = format!("{} {}\n", badge(connection.mode), connection.provider);
    text.push_str(&details(&connection));
    text.push_str(&changes(&connection));
    text.push_str(&checks_text(&report.checks));
    let mut json = connection_json(&connection);
    set(&mut json, "checks", checks_json(&report.checks));
    let has_failed = report.checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(Output::new(json, text.trim_end()).exit_code(u8::from(has_failed)))
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
