//! The programs of others, where they are installed, and what they print.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// node:sqlite, with all that the service uses of it.
const NODE_VERSION: u32 = 24;
const INSTALL: &str = "`host-test/benches/peers/run` installs it";

/// A Node that is there.
pub struct Node {
    program: String,
}

impl Node {
    /// From the variable `NODE`, or `node`. The error says what is missing.
    pub fn find() -> Result<Self, String> {
        let name = std::env::var("NODE").unwrap_or_else(|_| "node".to_owned());
        // What is called `node` may be a script that starts it.
        let print = "process.versions.node + ' ' + process.execPath";
        let printed = Command::new(name).args(["-p", print]).output();
        let printed = printed.map_err(|_| format!("there is no Node; {INSTALL}"))?.stdout;
        let printed = String::from_utf8_lossy(&printed);
        let (version, program) = printed.trim().split_once(' ').unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_VERSION) {
            return Err(format!("Node {version} is older than {NODE_VERSION}; {INSTALL}"));
        }
        Ok(Self { program: program.to_owned() })
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null());
        command
    }

    /// One of the scripts in `node/`. The error says that its package is missing.
    pub fn script(&self, name: &str) -> Result<Command, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/node");
        if !folder.join("node_modules/stripe").exists() {
            return Err(format!("Stripe's package is missing; {INSTALL}"));
        }
        let mut command = self.command();
        command.arg(folder.join(name));
        Ok(command)
    }
}

/// The program in `async-stripe/`, from the variable `ASYNC_STRIPE`. The error says that it is missing.
pub fn async_stripe() -> Result<PathBuf, String> {
    std::env::var_os("ASYNC_STRIPE")
        .map(PathBuf::from)
        .ok_or_else(|| format!("its program has not been built; {INSTALL}"))
}

/// Runs a program to its end, and returns the JSON that it prints.
pub fn json_of(command: &mut Command) -> Value {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}
