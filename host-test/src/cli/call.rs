//! `call`: one function of the contract, with arguments and answer as JSON.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::global::Global;
use super::output::{Output, print_beside};
use super::{CommandError, stand_in};
use crate::calling::{ArgumentError, Caller, CallingError, Examples};
use crate::clock::Clock;
use crate::contract::types::{Manifest, Problem};
use crate::egress::{Credentials, OriginOverride, redirect};
use crate::plugin::Plugin;
use crate::views;

/// The environment variable with the signing secrets of single deliveries.
pub const SECRETS_VARIABLE: &str = "WEBHOOK_SECRETS";
/// The name of the built-in component.
const BUILT_IN: &str = "built-in";
/// How much JSON is read, in bytes. Our own choice: a delivery has at most 1 MiB.
const LONGEST_JSON: u64 = 4 << 20;

/// The arguments of `call`.
#[derive(Args)]
pub struct CallArgs {
    /// The component's file, or `built-in`
    component_file: PathBuf,
    /// The function, as the WIT names it [default: the functions are listed]
    function: Option<String>,
    /// Its arguments without `context`: JSON, `@FILE`, or `-` for standard input [default: an example is printed]
    arguments: Option<String>,
    /// The time that the plugin is told [default: now]
    #[arg(long, value_name = "UNIX_SECONDS")]
    now: Option<u64>,
}

impl CallArgs {
    /// The file of the component. None: the built-in one.
    pub fn component(&self) -> Option<PathBuf> {
        component(&self.component_file)
    }
}

/// The file of a component that a tool looks at. None: the built-in one.
pub fn component(given: &Path) -> Option<PathBuf> {
    (given != Path::new(BUILT_IN)).then(|| given.to_owned())
}

impl From<CallingError> for CommandError {
    fn from(error: CallingError) -> Self {
        match error {
            CallingError::Arguments(error) => error.into(),
            CallingError::Call(error) => error.into(),
            other => Self::Usage(other.problem()),
        }
    }
}

impl From<ArgumentError> for CommandError {
    fn from(error: ArgumentError) -> Self {
        Self::Usage(error.problem())
    }
}

/// Lists the functions, prints an example of arguments, or calls a function.
pub async fn call(plugin: Plugin, global: &Global, args: CallArgs) -> Result<Output, CommandError> {
    let clock = args.now.map_or_else(Clock::default, Clock::simulated);
    let plugin = plugin.with_clock(clock);
    let examples = Examples::new(plugin.manifest(), plugin.now());
    let overrides = &*global.stand_ins([&plugin])?;
    let Some(function) = args.function else {
        let caller = caller(plugin, overrides, Credentials::default())?;
        return Ok(functions(&caller));
    };
    let Some(arguments) = args.arguments else {
        let caller = caller(plugin, overrides, Credentials::default())?;
        let example = caller.example(&function, &examples)?;
        return Ok(pretty(example));
    };
    let arguments = read_arguments(&arguments)?;
    let needs_none = matches!(function.as_str(), "describe" | "identify-webhook");
    let given = if needs_none { None } else { stand_in::credentials(&plugin, overrides)? };
    let given = given.unwrap_or_default();
    if !global.json {
        print_beside(&reach(plugin.manifest(), overrides));
    }
    let answer = caller(plugin, overrides, given)?.call(&function, &arguments).await?;
    Ok(pretty(answer.json).exit_code(answer.is_error.into()))
}

fn caller(
    plugin: Plugin,
    overrides: &[OriginOverride],
    given: Credentials,
) -> Result<Caller, CommandError> {
    Ok(Caller::new(plugin, overrides, given, signing_secrets().unwrap_or_default())?)
}

/// The signing secrets in the environment, as they are: an empty variable has a blank one, so that a script that has
/// lost its secret verifies nothing. None: there is no such variable.
pub fn signing_secrets() -> Option<Vec<String>> {
    let secrets = SecretString::from(std::env::var(SECRETS_VARIABLE).ok()?);
    Some(secrets.expose_secret().split(',').map(str::to_owned).collect())
}

fn functions(caller: &Caller) -> Output {
    let signatures = || caller.signatures().iter().map(|signature| signature.text.as_str());
    let text: Vec<&str> = signatures().collect();
    let json = caller
        .signatures()
        .iter()
        .map(|signature| json!({ "function": signature.name, "signature": signature.text }));
    Output::new(json.collect(), text.join("\n"))
}

fn pretty(json: Value) -> Output {
    let json = views::visible(json);
    let text = format!("{json:#}");
    Output::new(json, text)
}

fn read_arguments(given: &str) -> Result<Value, CommandError> {
    let unreadable = |what: &str, error: &std::io::Error| {
        CommandError::Usage(Problem::new(
            "file-unreadable",
            format!("{what} cannot be read: {error}."),
            &["Give the path of a file that can be read, or `-` for standard input."],
        ))
    };
    let read = |what: &str, from: std::io::Result<Box<dyn std::io::Read>>| {
        let mut text = String::new();
        from.and_then(|from| from.take(LONGEST_JSON).read_to_string(&mut text))
            .map_err(|error| unreadable(what, &error))?;
        Ok::<_, CommandError>(text)
    };
    let text = if given == "-" {
        read("The standard input", Ok(Box::new(std::io::stdin())))?
    } else if let Some(path) = given.strip_prefix('@') {
        read(path, std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn std::io::Read>))?
    } else {
        given.to_owned()
    };
    // Where it is wrong, and not what stands there: it may be a secret.
    Ok(serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ArgumentError::NotJson(format!("it is wrong at line {line}, column {column}"))
    })?)
}

/// What can be reached, for a person.
fn reach(manifest: &Manifest, overrides: &[OriginOverride]) -> String {
    let origin = |url: &str| {
        let stood_in = url.parse().ok().and_then(|parsed| redirect(&parsed, overrides));
        match stood_in {
            Some(address) => {
                format!("Requests to {url} go to {}.", address.origin().ascii_serialization())
            }
            None => format!(
                "Requests to {url} reach nobody: give --provider-origin {url}=http://127.0.0.1:PORT."
            ),
        }
    };
    let origins: Vec<String> = manifest.origins.iter().map(|of| origin(&of.url)).collect();
    format!("The network is off. {}", origins.join("\n"))
}
