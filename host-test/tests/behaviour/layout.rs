//! Rules of the layout that the compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as _;
use host_test::limits::Limits;

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Another provider is another component: only the demo and the tests know the one that is built in.
#[test]
fn host_names_no_provider() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&source);
    assert!(files.len() > 50, "{} files", files.len());
    let names_provider = |path: &&PathBuf| {
        let path = path.as_path();
        let is_exception =
            path.starts_with(source.join("demo")) || path.ends_with("plugin/memory_tests.rs");
        !is_exception && fs::read_to_string(path).unwrap().to_lowercase().contains("stripe")
    };
    let wrong: Vec<_> = files.iter().filter(names_provider).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Each limit that an operator may change is in the README's table, with its default.
#[test]
fn limits_are_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let command = Limits::augment_args(clap::Command::new("serve"));
    let rows: Vec<String> = command
        .get_arguments()
        .map(|flag| {
            let default = flag.get_default_values().first().unwrap().to_string_lossy();
            format!("| `--{}` | {default} |", flag.get_long().unwrap())
        })
        .collect();
    assert!(rows.len() > 20);
    let missing: Vec<_> = rows.iter().filter(|row| !readme.contains(*row)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
