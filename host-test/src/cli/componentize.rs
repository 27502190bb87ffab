//! `componentize`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CommandError;
use super::output::Output;
use super::plugin::read_component;
use crate::contract::types::Problem;
use crate::marketplace::ErrorKind;
use crate::plugin::{self, Compiler, Plugin, sha256};

/// The arguments of `componentize`.
#[derive(Args)]
pub struct ComponentizeArgs {
    /// The core module: for Rust target/wasm32-unknown-unknown/release/NAME.wasm
    module: PathBuf,
    /// The component's file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

pub async fn componentize(
    args: &ComponentizeArgs,
    compiler: &Compiler,
) -> Result<Output, CommandError> {
    let module = read_component(&args.module)?;
    let component = plugin::componentize(&module)
        .map_err(|error| CommandError::Problem(error.problem(), ErrorKind::Broken))?;
    let loaded = Plugin::load(&component, compiler).await?;
    let manifest = loaded.manifest();
    let path = args.output.display().to_string();
    std::fs::write(&args.output, &component).map_err(|error| {
        CommandError::Usage(Problem::new(
            "file-not-written",
            format!("{path} cannot be written: {error}."),
            &["Give a path in a folder that exists and that you are allowed to write to."],
        ))
    })?;
    let (provider, id, size) = (&manifest.name, &manifest.provider_id, component.len());
    let sha256 = sha256(&component);
    let text = format!("{path}: {provider} ({id}), {size} bytes, SHA-256 {sha256}");
    let json = json!({ "path": path, "provider": id, "size_bytes": size, "sha256": sha256 });
    Ok(Output::new(json, text))
}
