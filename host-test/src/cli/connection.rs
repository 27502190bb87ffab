//! `install`, `status` and `uninstall`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::output::{Output, badge, mode_word, problem_json, problem_text, steps};
use super::{CommandError, credentials};
use crate::contract::types::{Check, Problem, Verdict};
use crate::json::set;
use crate::marketplace::{Connection, InstallOptions, Marketplace};

/// How to install.
#[derive(Args)]
pub struct InstallArgs {
    /// Who takes care of the webhook [default: as it is installed, else automatic]
    #[arg(long, value_enum)]
    webhook: Option<Webhook>,
    /// Let this component call the origins of its manifest, with the merchant's key
    #[arg(long)]
    approve_origins: bool,
    /// Catches a key that is given as an argument, so that it is not repeated on the screen
    #[arg(hide = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Webhook {
    /// The plugin registers it
    Automatic,
    /// You have made it by hand, from the guide
    Manual,
}

/// How to uninstall.
#[derive(Args)]
pub struct UninstallArgs {
    /// Go on even if the provider cannot be told
    #[arg(long)]
    force: bool,
}

pub async fn install(marketplace: &Marketplace, args: InstallArgs) -> Result<Output, CommandError> {
    if !args.arguments.is_empty() {
        return Err(CommandError::Usage(Problem::new(
            "credential-on-command-line",
            "A key must not be given as an argument: other programs can see it, and the shell remembers it.",
            &[
                "Run `host-test install` without it, and paste the key at the prompt.",
                "If it was a real key, replace it with a new one.",
            ],
        )));
    }
    let options = InstallOptions {
        credentials: credentials::read(marketplace.plugin().manifest())?,
        webhook_is_manual: args.webhook.map(|webhook| matches!(webhook, Webhook::Manual)),
        approve_origins: args.approve_origins,
    };
    let connection = marketplace.install(options).await?;
    let done = if connection.is_rotation {
        "has a new key; everything else stays as it was"
    } else {
        "is installed"
    };
    let mut text = format!("{} {} {done}.\n", badge(connection.mode), connection.provider);
    text.push_str(&details(&connection));
    text.push_str(&left_to_do(&connection));
    Ok(Output::new(connection_json(&connection), text))
}

pub async fn repair(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let connection = marketplace.repair().await?;
    let mut text = format!("{} {}\n", badge(connection.mode), connection.provider);
    if connection.changes.is_empty() {
        text.push_str("Nothing had to be changed.\n");
    }
    text.push_str(&left_to_do(&connection));
    Ok(Output::new(connection_json(&connection), text.trim_end()))
}

pub async fn status(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let (connection, report) = marketplace.status().await?;
    let mut text = format!("{} {}\n", badge(connection.mode), connection.provider);
    text.push_str(&details(&connection));
    for check in &report.checks {
        let _ = writeln!(text, "{} {}", mark(check.verdict), check.message);
        text.push_str(&steps(&check.remedy));
    }
    let mut json = connection_json(&connection);
    set(&mut json, "checks", report.checks.iter().map(check_json).collect::<Vec<_>>());
    let has_failed = report.checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(Output::new(json, text.trim_end()).exit_code(u8::from(has_failed)))
}

pub async fn uninstall(
    marketplace: &Marketplace,
    args: UninstallArgs,
) -> Result<Output, CommandError> {
    let left = marketplace.uninstall(args.force).await?;
    let provider = &marketplace.plugin().manifest().name;
    let mut text = format!(
        "{provider} is uninstalled. Its keys are destroyed; the payments' history is kept."
    );
    if let Some(problem) = &left {
        let _ = write!(
            text,
            "\n{provider} could not be told, so its webhook may still be there: delete it by hand.\n{}",
            problem_text(problem)
        );
    }
    let json = json!({ "uninstalled": true, "left": left.as_ref().map(problem_json) });
    Ok(Output::new(json, text))
}

fn left_to_do(connection: &Connection) -> String {
    let mut text = String::new();
    for change in &connection.changes {
        let _ = writeln!(text, "  · {change}");
    }
    match &connection.problem {
        Some(problem) => {
            let _ = write!(text, "One thing is left to do:\n{}", problem_text(problem));
        }
        None => text.push_str("Nothing is left to do."),
    }
    text
}

fn details(connection: &Connection) -> String {
    let account = connection.account.as_deref().unwrap_or("(the key may not read it)");
    format!("  account  {account}\n  webhook  {}\n", connection.webhook_url)
}

fn connection_json(connection: &Connection) -> Value {
    json!({
        "installation": connection.installation,
        "provider": connection.provider,
        "mode": mode_word(connection.mode),
        "account": connection.account,
        "webhook_url": connection.webhook_url,
        "problem": connection.problem.as_ref().map(problem_json),
        "changes": connection.changes,
        "rotation": connection.is_rotation,
    })
}

fn check_json(check: &Check) -> Value {
    json!({
        "id": check.id,
        "verdict": verdict_word(check.verdict),
        "message": check.message,
        "remedy": check.remedy,
    })
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
