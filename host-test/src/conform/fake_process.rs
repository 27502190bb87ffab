//! The provider's fake: a process that is started for one case, and ended with it.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::error::KitError;
use crate::bundled;
use crate::contract::types::Manifest;
use crate::credential_variables::variable;
use crate::foreign::line;

/// How long it may take to print its addresses. Our own choice: an interpreter may be slow to start.
const LONGEST_START: Duration = Duration::from_secs(30);
/// How much of what it has said is shown, in characters.
const LONGEST_SAID: usize = 500;

/// A running fake. It is ended when this is dropped.
pub struct FakeProcess {
    _child: Child,
    /// The texts of its first line.
    pub addresses: Vec<(String, String)>,
}

impl FakeProcess {
    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not print its addresses.
    pub async fn start(command: &[String], manifest: &Manifest) -> Result<Self, KitError> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| KitError::ScenarioInvalid("`fake` has no program".to_owned()))?;
        let failed = |why: String| KitError::FakeNotStarted(why);
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_secret(name, manifest)) {
            command.env_remove(name);
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("{program}: {error}")))?;
        let (Some(output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed("it has no standard output".to_owned()));
        };
        let mut lines = BufReader::new(output).lines();
        let first = tokio::time::timeout(LONGEST_START, lines.next_line()).await;
        let first = match first {
            Ok(Ok(Some(first))) => first,
            Ok(_) => {
                let mut said = String::new();
                let _ = (&mut errors).take(1 << 16).read_to_string(&mut said).await;
                let said = line(said.trim(), LONGEST_SAID).into_owned();
                return Err(failed(format!("it ended without printing its addresses. {said}")));
            }
            Err(_) => return Err(failed("it prints no addresses".to_owned())),
        };
        // Nobody reads the rest, and a full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
        let printed: Map<String, Value> = serde_json::from_str(&first).map_err(|_| {
            let shown = line(&first, LONGEST_SAID);
            failed(format!("its first line is not a JSON object: {shown}"))
        })?;
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        Ok(Self { _child: child, addresses: printed.into_iter().filter_map(text).collect() })
    }
}

/// The beginnings of variables that hold what is secret to this program.
const SECRET_BEGINNINGS: [&str; 3] = ["HOST_TEST_", "PLUGIN_", "WEBHOOK_SECRET"];

/// Whether a variable may hold a credential. A fake needs none: those of a scenario are made up.
fn is_secret(name: &OsStr, manifest: &Manifest) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    let (provider_id, fields) = bundled::credential_fields();
    let built_in = fields.iter().map(|field| variable(&provider_id, true, field));
    let own = manifest.credentials.iter();
    let mut own = own.map(|field| variable(&manifest.provider_id, true, &field.name));
    SECRET_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || built_in.into_iter().any(|secret| secret == name)
        || own.any(|secret| secret == name)
}
