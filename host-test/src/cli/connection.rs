//! `install`, `repair` and `uninstall`.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::approve::review_text;
use super::output::{Output, badge, date, print_beside, problem_text};
use super::report::{changes, details};
use super::{CommandError, credentials, report};
use crate::contract::types::{Check, Mode, Problem, Verdict};
use crate::credential_variables::variable;
use crate::json::set;
use crate::marketplace::{
    Connection, InstallOptions, LeftWebhook, Marketplace, OpenPayment, TakeOver,
};
use crate::views;

/// The arguments of `install`.
#[derive(Args)]
pub struct InstallArgs {
    /// Who creates the webhook [default: as installed, else automatic]
    #[arg(long, value_enum)]
    webhook: Option<Webhook>,
    /// The mode, for a provider whose credentials do not tell it [default: as installed]
    #[arg(long, value_enum)]
    mode: Option<ChosenMode>,
    /// Approve everything that this component's manifest asks for
    #[arg(long)]
    approve_origins: bool,
    /// Takes a key that is given by mistake, so that clap does not print it in an error
    #[arg(hide = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Webhook {
    /// The plugin creates it
    Automatic,
    /// You create it by hand, by the guide
    Manual,
}

/// A mode on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum ChosenMode {
    /// No real money moves
    Test,
    /// Payments are real
    Live,
}

impl From<ChosenMode> for Mode {
    fn from(mode: ChosenMode) -> Self {
        match mode {
            ChosenMode::Test => Self::Test,
            ChosenMode::Live => Self::Live,
        }
    }
}

/// The arguments of `uninstall`.
#[derive(Args)]
pub struct UninstallArgs {
    /// Go on even if the provider refuses or cannot be reached
    #[arg(long)]
    force: bool,
}

pub async fn install(
    marketplace: &Marketplace,
    args: InstallArgs,
    as_json: bool,
) -> Result<Output, CommandError> {
    if !args.arguments.is_empty() {
        return Err(CommandError::Usage(Problem::new(
            "credential-on-command-line",
            "Do not give a key as an argument: other programs can see it, and the shell stores it.",
            &[
                "Run `host-test install` without it, and paste the key at the prompt.",
                "If it was a real key, replace it with a new one.",
            ],
        )));
    }
    let mut review = None;
    if args.approve_origins {
        let shown = marketplace.review(TakeOver::Workspace).await?;
        marketplace.approve(TakeOver::Workspace, &[]).await?;
        if !as_json {
            print_beside(&format!("{}Approved.", review_text(&shown)));
        }
        review = Some(shown);
    }
    // Before anything is read or asked for.
    marketplace.check_usable().await?;
    let is_manual = args.webhook.map(|webhook| matches!(webhook, Webhook::Manual));
    let webhook_is_manual = match is_manual {
        Some(is_manual) => is_manual,
        // As it is installed.
        None => marketplace.webhook_is_manual().await?,
    };
    let options = InstallOptions {
        credentials: credentials::read(
            marketplace.plugin().manifest(),
            marketplace.plugin().is_built_in(),
            webhook_is_manual,
        )?,
        mode: args.mode.map(Mode::from),
        webhook_is_manual: is_manual,
        approve_origins: false,
    };
    let connection = marketplace.install(options).await?;
    let done = if connection.is_rotation {
        "has new credentials. Everything else is unchanged"
    } else {
        "is installed"
    };
    let head = format!(
        "{} {} {done}.\n{}",
        badge(connection.mode),
        connection.provider,
        details(&connection)
    );
    let mut output = with_checks(marketplace, &connection, head).await;
    if let Some(review) = review {
        set(&mut output.json, "review", json!(review));
    }
    Ok(output)
}

pub async fn repair(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let connection = marketplace.repair().await?;
    let mut head = format!("{} {}\n", badge(connection.mode), connection.provider);
    if connection.changes.is_empty() {
        head.push_str("Nothing had to be changed.\n");
    }
    Ok(with_checks(marketplace, &connection, head).await)
}

/// Adds what was changed and what is left to do.
async fn with_checks(marketplace: &Marketplace, connection: &Connection, head: String) -> Output {
    let mut text = head;
    text.push_str(&changes(connection));
    // The install or repair has succeeded, even if the status report fails.
    let checks = match marketplace.status().await {
        Ok((_, report)) => report.checks,
        Err(error) => {
            let _ =
                writeln!(text, "The checks could not be made:\n{}", problem_text(&error.problem()));
            Vec::new()
        }
    };
    let is_left = |check: &&Check| matches!(check.verdict, Verdict::Warn | Verdict::Fail);
    let left: Vec<&Check> = checks.iter().filter(is_left).collect();
    match (&connection.problem, left.as_slice()) {
        (None, []) => text.push_str("Nothing is left to do."),
        (Some(problem), []) => {
            let _ = write!(text, "This is left to do:\n{}", problem_text(problem));
        }
        (_, left) => {
            text.push_str("This is left to do:\n");
            text.push_str(&report::checks_text(left.iter().copied()));
            if connection.lacks_signing_secret {
                text.push_str(&optional_credentials(marketplace));
            }
        }
    }
    Output::new(views::connection(connection, &checks), text.trim_end())
}

/// How the optional credentials are given.
fn optional_credentials(marketplace: &Marketplace) -> String {
    let (manifest, mut text) = (marketplace.plugin().manifest(), String::new());
    for field in manifest.credentials.iter().filter(|field| !field.required) {
        let is_built_in = marketplace.plugin().is_built_in();
        let variable = variable(&manifest.provider_id, is_built_in, &field.name);
        let _ = writeln!(
            text,
            "  ({}: set the variable {variable} and run `install` again)",
            field.label
        );
    }
    text
}

pub async fn uninstall(
    marketplace: &Marketplace,
    args: UninstallArgs,
) -> Result<Output, CommandError> {
    let removed = marketplace.uninstall(args.force).await?;
    let provider = &marketplace.plugin().manifest().name;
    let mut text = removed.mode.map_or_else(String::new, |mode| format!("{} ", badge(mode)));
    let _ = write!(
        text,
        "{provider} is uninstalled. Its keys are destroyed. The payments' history is kept."
    );
    if let Some(until) = removed.draining_until {
        text = draining_text(&removed.open, until, provider);
    }
    if removed.draining_until.is_none() && !removed.open.is_empty() {
        text.push_str(
            "\nCustomers can still pay these payments, and nobody watches them any more. Look after them at the provider:\n",
        );
        text.push_str(&open_list(&removed.open));
    }
    match &removed.left {
        Some(left) if left.because.is_some() && removed.draining_until.is_some() => {
            text.push_str(&kept_text(left, provider));
        }
        Some(left) => text.push_str(&left_text(left, provider)),
        None => {}
    }
    Ok(Output::new(views::uninstalled(&removed), text))
}

/// What is still watched after an uninstall.
fn draining_text(open: &[OpenPayment], until: u64, provider: &str) -> String {
    let mut text = format!(
        "{provider} is uninstalled: nothing new can be charged. Customers can still pay these payments:\n"
    );
    text.push_str(&open_list(open));
    let _ = write!(
        text,
        "`host-test serve` records what is paid until they have ended, at the latest {}. Then the webhook is deleted and the keys are destroyed.",
        date(until)
    );
    text
}

fn open_list(open: &[OpenPayment]) -> String {
    open.iter().fold(String::new(), |mut text, payment| {
        let id = payment.payment.as_deref().unwrap_or("(not named yet)");
        let _ = writeln!(text, "  {} ({id}): {}", payment.reference, payment.because.message);
        text
    })
}

/// A webhook that is needed until the open payments have ended, at a provider that refuses or cannot be reached.
fn kept_text(left: &LeftWebhook, provider: &str) -> String {
    let endpoint = left.endpoint.as_deref().or(left.url.as_deref());
    let endpoint = endpoint.unwrap_or("(its id is not known)");
    let because = left.because.as_ref().map_or("", |because| because.message.as_str());
    format!(
        "\nKeep this webhook until then: {endpoint}. {provider} could not be asked to close the payments: {because} If it cannot be asked later either, delete the webhook by hand after that time."
    )
}

fn left_text(left: &LeftWebhook, provider: &str) -> String {
    let endpoint = left.endpoint.as_deref().unwrap_or("(its id is not known)");
    let url = left.url.as_deref().unwrap_or("(its URL is not known)");
    match &left.because {
        Some(because) => format!(
            "\n{provider} could not be asked to delete this webhook, so it may still exist. Delete it by hand.\n  {endpoint}\n  {url}\nReason: {} ({})",
            because.message, because.code
        ),
        None => format!(
            "\nThe webhook that you created by hand still exists. Delete it if nothing else uses it.\n  {endpoint}\n  {url}"
        ),
    }
}
