//! `new`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::CommandError;
use super::output::{Output, shell_word};
use crate::contract::types::Problem;
use crate::marketplace::ErrorKind;
use crate::new_project::{ProjectName, files};

/// The arguments of `new`.
#[derive(Args)]
pub struct NewArgs {
    /// The provider's name, in lower-case words with hyphens: `lama-pay`
    name: String,
    /// The folder to write: a new or an empty one [default: the name]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub fn new(args: &NewArgs) -> Result<Output, CommandError> {
    let name =
        ProjectName::parse(&args.name).map_err(|error| CommandError::Usage(error.problem()))?;
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    let shown = folder.display().to_string();
    if !is_free(&folder) {
        return Err(CommandError::Usage(Problem::new(
            "folder-not-empty",
            format!("{shown} exists and is not an empty folder."),
            &["Give another folder with --folder."],
        )));
    }
    let broken = |why: String| {
        CommandError::Problem(
            Problem::new(
                "project-not-written",
                format!("The project cannot be written to {shown}: {why}."),
                &["Give a folder with --folder that you are allowed to write to."],
            ),
            ErrorKind::Broken,
        )
    };
    let files = files(&name);
    for (path, contents) in &files {
        write(&folder.join(path), contents).map_err(|error| broken(error.to_string()))?;
    }
    let (name, module) = (name.as_str(), name.snake_case());
    let commands = [
        format!("cd {}", shell_word(&shown)),
        format!("cargo build --package {name}-fake"),
        "cargo build --release --target wasm32-unknown-unknown".to_owned(),
        format!(
            "host-test componentize target/wasm32-unknown-unknown/release/{module}.wasm --output {name}.wasm"
        ),
        format!("host-test conform {name}.wasm --scenario scenario.json"),
    ];
    let text = format!(
        "{shown}: {} files. README.md says what each is for.\nBuild it and see that it works:\n  {}",
        files.len(),
        commands.join("\n  ")
    );
    let written: Vec<_> = files.iter().map(|(path, _)| path).collect();
    Ok(Output::new(json!({ "folder": shown, "files": written, "commands": commands }), text))
}

/// Whether there is nothing, or an empty folder.
fn is_free(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn write(path: &Path, contents: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents)
}
