//! The commands for plugin developers: `bench webhook`, `component`, `inspect`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::CommandError;
use super::output::Output;
use super::plugin::read_component;
use crate::contract::types::Problem;
use crate::json::set;
use crate::plugin::{Compiler, Plugin, inspect as inspection, sha256};
use crate::{bench, bundled};

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
    let inspection = inspection::inspect(&bytes, compiler).await?;
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
    let mut json = json!(inspection);
    set(&mut json, "path", path);
    Ok(Output::new(json, text.trim_end()))
}

pub fn read(path: &PathBuf) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| {
        CommandError::Usage(Problem::new(
            "file-unreadable",
            format!("{} cannot be read: {error}.", path.display()),
            &["Give the path of a file that can be read."],
        ))
    })
}
