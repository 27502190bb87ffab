//! A single delivery on the command line: `webhook verify` and `bench webhook`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::CommandError;
use super::call::SECRETS_VARIABLE;
use super::connection::ChosenMode;
use crate::contract::types::{Installation, Mode, Problem, WebhookRequest};
use crate::delivery_causes::Delivery;
use crate::plugin::Plugin;

/// A delivery as it was received.
#[derive(Args)]
pub struct DeliveryArgs {
    /// The file with the exact bytes of the body
    pub body_file: PathBuf,
    /// The value of the provider's first signature header [default: no such header]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    signature: Option<String>,
    /// A header as it was received, as often as there are headers
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The query of the URL at which it was received
    #[arg(long, value_name = "QUERY", default_value = "")]
    query: String,
    /// The mode that the signing secrets are of
    #[arg(long, value_enum, default_value = "test")]
    mode: ChosenMode,
}

impl DeliveryArgs {
    /// Whether there is no header, and so no signature.
    pub fn is_unsigned(&self) -> bool {
        self.signature.is_none() && self.header.is_empty()
    }

    /// The delivery, which was received at a time, in Unix seconds.
    pub fn read(
        self,
        plugin: &Plugin,
        signing_secrets: Vec<String>,
        received_at: u64,
    ) -> Result<Delivery, CommandError> {
        let body = read_file(&self.body_file)?;
        let name = plugin.manifest().signature_headers.first().cloned();
        let mut headers = self.header;
        match (name, self.signature) {
            (Some(name), Some(value)) => headers.push((name, value)),
            (None, Some(_)) => return Err(CommandError::Usage(signature_header_unknown())),
            (_, None) => {}
        }
        let mode = Mode::from(self.mode);
        // Without the question mark before it.
        let query = self.query.strip_prefix('?').map(str::to_owned).unwrap_or(self.query);
        Ok(Delivery {
            received_at,
            installation: Installation { mode, ..Installation::ad_hoc(signing_secrets) },
            request: WebhookRequest { headers, query, body },
        })
    }
}

/// A header of the command line, with its name in lower case.
fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("it has no colon: give NAME:VALUE")?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() {
        return Err("it has no name: give NAME:VALUE");
    }
    Ok((name, value.strip_prefix(' ').unwrap_or(value).to_owned()))
}

pub fn secrets_missing() -> CommandError {
    CommandError::Usage(Problem::new(
        "secrets-missing",
        format!("The variable {SECRETS_VARIABLE} is not set."),
        &["Set it to the signing secrets, separated by commas. It may be empty."],
    ))
}

fn signature_header_unknown() -> Problem {
    Problem::new(
        "signature-header-unknown",
        "The plugin names no header that carries a signature.",
        &["Give each header with --header NAME:VALUE."],
    )
}

fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| {
        CommandError::Usage(Problem::new(
            "file-unreadable",
            format!("{} cannot be read: {error}.", path.display()),
            &["Give the path of a file that can be read."],
        ))
    })
}
