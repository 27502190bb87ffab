//! The commands for plugin developers: `webhook verify`, `bench webhook`, `component`, `inspect`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::CommandError;
use super::output::{Output, problem_text};
use super::plugin::read_component;
use crate::contract::types::{
    DeliveredEvent, EventSubject, IgnoredDelivery, Installation, Mode, Problem, WebhookOutcome,
    WebhookRequest,
};
use crate::json::set;
use crate::plugin::{Compiler, Plugin, inspect as inspection, sha256};
use crate::{bench, bundled, views};

/// The environment variable with the signing secrets.
const SECRETS_VARIABLE: &str = "WEBHOOK_SECRETS";

#[derive(Subcommand)]
pub enum WebhookCommand {
    /// Verifies one delivery with a temporary test installation, without network access
    ///
    /// The signing secrets are read from the variable `WEBHOOK_SECRETS`, separated by commas. They
    /// are used as they are: nothing is trimmed and no prefix is needed. The output is JSON.
    Verify(VerifyArgs),
}

/// The arguments of `webhook verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The file with the exact bytes of the body
    body_file: PathBuf,
    /// The value of the signature header [default: no such header]
    #[arg(long, value_name = "HEADER", allow_hyphen_values = true)]
    signature: Option<String>,
    /// When it was received, in Unix seconds
    #[arg(long, value_name = "UNIX_SECONDS")]
    received_at: u64,
}

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Measures one delivery: in a fresh instance, in a warm instance, and as native code
    Webhook(BenchArgs),
}

/// The arguments of `bench webhook`.
#[derive(Args)]
pub struct BenchArgs {
    /// The file with the body
    body_file: PathBuf,
    /// How often each way is measured
    #[arg(long, value_name = "N", default_value_t = 2000)]
    iterations: u32,
}

/// The arguments of `component`.
#[derive(Args)]
pub struct ComponentArgs {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// The arguments of `inspect`.
#[derive(Args)]
pub struct InspectArgs {
    /// The component's file [default: the built-in one]
    component_file: Option<PathBuf>,
}

pub async fn verify(plugin: &Plugin, args: VerifyArgs) -> Result<Output, CommandError> {
    let body = read(&args.body_file)?;
    let secrets = std::env::var(SECRETS_VARIABLE).map(SecretString::from).map_err(|_| {
        CommandError::Usage(Problem::new(
            "secrets-missing",
            format!("The variable {SECRETS_VARIABLE} does not hold the signing secrets."),
            &["Set it to the signing secret of the webhook, or to several, separated by commas."],
        ))
    })?;
    let secrets = secrets.expose_secret().split(',');
    let installation = Installation::ad_hoc(secrets.map(str::to_owned).collect());
    let name = plugin.manifest().signature_headers.first().cloned();
    let request = WebhookRequest {
        headers: name.zip(args.signature).into_iter().collect(),
        query: String::new(),
        body,
    };
    let outcome = plugin
        .handle_webhook(plugin.offline_call(), args.received_at, &installation, &request)
        .await?;
    let (json, exit_code) = match outcome {
        Ok(WebhookOutcome::Event(DeliveredEvent { verified, event })) => {
            let mut accepted = json!({
                "verdict": "accepted",
                "verified": verified,
                "event": {
                    "id": event.id,
                    "type": event.event_type,
                    "occurred_at": event.occurred_at,
                },
            });
            let (outcome, about) = match &event.subject {
                EventSubject::Payment(payment) => ("payment", views::provider_payment(payment)),
                EventSubject::Refund(refund) => ("refund", views::refund(refund)),
                EventSubject::Dispute(dispute) => ("dispute", views::dispute(dispute)),
                EventSubject::Other(what) => ("other", json!(what)),
            };
            set(&mut accepted, "outcome", outcome);
            set(&mut accepted, outcome, about);
            (accepted, 0)
        }
        Ok(WebhookOutcome::Hint(hint)) => {
            let hint = json!({
                "verdict": "accepted",
                "outcome": "hint",
                "payment": { "id": hint.payment, "mode": hint.mode.map(Mode::as_str) },
            });
            (hint, 0)
        }
        Ok(
            WebhookOutcome::Ignored(IgnoredDelivery { reason, .. }) | WebhookOutcome::Other(reason),
        ) => {
            let accepted = json!({
                "verdict": "accepted",
                "outcome": "ignored",
                "reason": reason.code,
                "message": reason.message,
            });
            (accepted, 0)
        }
        Err(error) => {
            let mut refused = views::problem(error.problem());
            set(&mut refused, "verdict", "refused");
            (refused, 1)
        }
    };
    let text = json.to_string();
    Ok(Output::new(json, text).exit_code(exit_code))
}

pub async fn bench(plugin: &Plugin, args: BenchArgs) -> Result<Output, CommandError> {
    let body = read(&args.body_file)?;
    let figures = bench::webhook(plugin, body, args.iterations.max(1) as usize);
    let figures = figures.await.map_err(CommandError::reported)?;
    let mut text = String::from("One delivery, in microseconds:\n");
    for (what, nanoseconds) in [
        ("fresh instance, median", figures.fresh_instance_p50_ns),
        ("fresh instance, 99th percentile", figures.fresh_instance_p99_ns),
        ("warm instance, median", figures.warm_instance_p50_ns),
        ("native code, median", figures.native_p50_ns),
    ] {
        let _ = writeln!(text, "  {:>8}.{:01}  {what}", nanoseconds / 1000, nanoseconds / 100 % 10);
    }
    Ok(Output::new(json!(figures), text.trim_end()))
}

/// Writes the built-in component to a file.
pub fn component(args: &ComponentArgs) -> Result<Output, CommandError> {
    let (path, bytes) = (&args.output, bundled::COMPONENT);
    std::fs::write(path, bytes).map_err(|error| {
        CommandError::Usage(Problem::new(
            "file-not-written",
            format!("{} cannot be written: {error}.", path.display()),
            &["Give a path in a folder that exists and that you are allowed to write to."],
        ))
    })?;
    let (path, sha256) = (path.display().to_string(), sha256(bytes));
    let text = format!("{path}: {} bytes, SHA-256 {sha256}", bytes.len());
    Ok(Output::new(json!({ "path": path, "size_bytes": bytes.len(), "sha256": sha256 }), text))
}

pub async fn inspect(
    args: InspectArgs,
    component: Option<&Path>,
    compiler: &Compiler,
) -> Result<Output, CommandError> {
    let file = args.component_file.or_else(|| component.map(Path::to_owned));
    let (path, bytes) = match file {
        Some(path) => {
            let bytes = read_component(&path)?;
            (Some(path), bytes)
        }
        None => (None, bundled::COMPONENT.to_vec()),
    };
    let path = path.map_or_else(|| "(built in)".to_owned(), |path| path.display().to_string());
    let inspected = inspection::inspect(&bytes, compiler).await?;
    let inspection = &inspected.inspection;
    let mut text = format!("{path}: {} bytes\n", inspection.size_bytes);
    for (title, names) in [
        ("imports", &inspection.imports),
        ("can call", &inspection.callable_imports),
        ("exports", &inspection.exports),
        ("can be called", &inspection.exported_functions),
    ] {
        let _ = writeln!(text, "{title}:");
        for name in names {
            let _ = writeln!(text, "  {name}");
        }
    }
    let mut json = match &inspected.loaded {
        Ok(plugin) => views::component(plugin),
        Err(_) => json!(inspection),
    };
    set(&mut json, "path", path);
    let exit_code = match &inspected.loaded {
        Ok(plugin) => {
            let manifest = plugin.manifest();
            let _ = writeln!(
                text,
                "It is a plugin of {} ({}), version {}.",
                manifest.name, manifest.provider_id, manifest.version
            );
            0
        }
        // What it imports is shown all the same.
        Err(error) => {
            let problem = error.problem();
            let _ = writeln!(text, "✗ No marketplace loads it.\n{}", problem_text(&problem));
            set(&mut json, "problem", views::problem(&problem));
            4
        }
    };
    Ok(Output::new(json, text.trim_end()).exit_code(exit_code))
}

fn read(path: &PathBuf) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| {
        CommandError::Usage(Problem::new(
            "file-unreadable",
            format!("{} cannot be read: {error}.", path.display()),
            &["Give the path of a file that can be read."],
        ))
    })
}
