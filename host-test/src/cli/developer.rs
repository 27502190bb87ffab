//! The commands for plugin developers: `bench webhook`, `component`, `inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::CommandError;
use super::call::signing_secrets;
use super::delivery::{DeliveryArgs, secrets_missing};
use super::global::Global;
use super::output::{Output, problem_text};
use crate::contract::types::Problem;
use crate::json::set;
use crate::plugin::{Plugin, inspect as inspection, sha256};
use crate::{bench, bundled, views};

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Measures one delivery: in a fresh instance, in a warm instance, and as native code
    ///
    /// Without a header the body is signed here, as the built-in plugin's provider does. For another plugin give a genuine
    /// delivery: its headers, --received-at, and its signing secrets in the variable `WEBHOOK_SECRETS`.
    Webhook(BenchArgs),
}

/// The arguments of `bench webhook`.
#[derive(Args)]
pub struct BenchArgs {
    #[command(flatten)]
    delivery: DeliveryArgs,
    /// When it was received, in Unix seconds [default: now]
    #[arg(long, value_name = "UNIX_SECONDS")]
    received_at: Option<u64>,
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

pub async fn bench(plugin: &Plugin, args: BenchArgs) -> Result<Output, CommandError> {
    let BenchArgs { delivery, received_at, iterations } = args;
    let received_at = received_at.unwrap_or_else(|| plugin.now());
    let delivery = if !delivery.is_unsigned() {
        let secrets = signing_secrets().ok_or_else(secrets_missing)?;
        delivery.read(plugin, secrets, received_at)?
    } else if plugin.is_built_in() {
        let unsigned = delivery.read(plugin, Vec::new(), received_at)?;
        bench::signed(plugin, unsigned).map_err(CommandError::reported)?
    } else {
        return Err(CommandError::Usage(delivery_unsigned()));
    };
    let figures = bench::webhook(plugin, &delivery, iterations.max(1) as usize);
    let figures = figures.await.map_err(CommandError::reported)?;
    let mut text = String::from("One delivery, in microseconds:\n");
    for (what, nanoseconds) in [
        ("fresh instance, median", Some(figures.fresh_instance_p50_ns)),
        ("fresh instance, 99th percentile", Some(figures.fresh_instance_p99_ns)),
        ("warm instance, median", Some(figures.warm_instance_p50_ns)),
        ("native code, median", figures.native_p50_ns),
    ] {
        let Some(time) = nanoseconds else { continue };
        let _ = writeln!(text, "  {:>8}.{:01}  {what}", time / 1000, time / 100 % 10);
    }
    Ok(Output::new(json!(figures), text.trim_end()))
}

fn delivery_unsigned() -> Problem {
    Problem::new(
        "delivery-unsigned",
        "The delivery has no signature, and only the built-in plugin's provider can be imitated here.",
        &[
            "Give its headers with --header NAME:VALUE, when it was received with --received-at, and its signing secrets in the variable WEBHOOK_SECRETS.",
        ],
    )
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

pub async fn inspect(args: InspectArgs, global: &Global) -> Result<Output, CommandError> {
    let global = &match args.component_file {
        Some(file) => global.with(Some(file)),
        // A file alone is inspected even if it cannot be loaded.
        None if global.plugin.is_empty() && global.provider.is_none() => global.clone(),
        None => {
            let (file, _) = global.looked_at(global.looking_compiler()?).await?;
            global.with(file)
        }
    };
    let bytes = global.component()?;
    let path = global.component.as_ref();
    let path = path.map_or_else(|| "(built in)".to_owned(), |path| path.display().to_string());
    let inspected = inspection::inspect(&bytes, &global.looking_compiler()?).await?;
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
