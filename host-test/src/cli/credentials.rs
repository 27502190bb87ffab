//! Reads credentials from the environment, a hidden prompt or standard input. Never from an argument:
//! every program on the machine can see those, and the shell stores them in its history.

use std::io::{IsTerminal as _, Read};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::CommandError;
use crate::contract::types::{CredentialField, CredentialRole, Manifest, Problem};
use crate::egress::Credentials;

/// How much of standard input is read: more than any credential has.
const MAX_CREDENTIAL_BYTES: usize = 64 << 10;

/// Reads every credential that the manifest names, from the environment, else from the prompt. It asks for a
/// signing secret only where the merchant makes the webhook: otherwise the plugin gets it from the provider. Its
/// variable is always read, because the merchant may have rolled it.
pub fn read(
    manifest: &Manifest,
    is_built_in: bool,
    webhook_is_manual: bool,
) -> Result<Credentials, CommandError> {
    let is_terminal = std::io::stdin().is_terminal();
    let mut given = Vec::new();
    for field in &manifest.credentials {
        let variable = variable(manifest, is_built_in, &field.name);
        let value = match std::env::var(&variable) {
            // An empty variable leaves an optional credential out.
            Ok(value) if value.is_empty() && !field.required => None,
            Ok(value) => Some(SecretString::from(value)),
            Err(std::env::VarError::NotPresent) if field.required => Some(ask(manifest, field)?),
            Err(std::env::VarError::NotPresent)
                if is_terminal
                    && (webhook_is_manual || field.role != CredentialRole::SigningSecret) =>
            {
                // An empty answer leaves an optional credential out.
                Some(ask(manifest, field)?).filter(|value| !value.expose_secret().is_empty())
            }
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(unreadable(field, &format!("{variable} is not text")));
            }
        };
        given.extend(value.map(|value| (field.name.clone(), value)));
    }
    Ok(Credentials::new(given))
}

/// The environment variable of a credential: `PLUGIN_<PROVIDER>_<CREDENTIAL>`, and without the prefix for the built-in
/// plugin. So no plugin can name another program's variable.
pub fn variable(manifest: &Manifest, is_built_in: bool, credential: &str) -> String {
    let prefix = if is_built_in { "" } else { "PLUGIN_" };
    format!("{prefix}{}_{credential}", manifest.provider_id).to_uppercase().replace('-', "_")
}

fn ask(manifest: &Manifest, field: &CredentialField) -> Result<SecretString, CommandError> {
    let mut standard_input = std::io::stdin();
    let value = if standard_input.is_terminal() {
        eprintln!("{}", field.help);
        rpassword::prompt_password(format!("{}, {} (hidden): ", manifest.name, field.label))
            .map(SecretString::from)
    } else {
        // Read to the end, so that a line break inside is refused and not cut off.
        read_all(standard_input.by_ref().take(MAX_CREDENTIAL_BYTES as u64))
    };
    value.map_err(|error| unreadable(field, &error.to_string()))
}

/// Reads a text into a buffer that is erased. It has its size from the start: one that grows leaves copies behind.
fn read_all(mut text: impl Read) -> std::io::Result<SecretString> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_CREDENTIAL_BYTES + 1));
    text.read_to_end(&mut bytes)?;
    str::from_utf8(&bytes)
        .map(SecretString::from)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not text"))
}

fn unreadable(field: &CredentialField, why: &str) -> CommandError {
    CommandError::Usage(Problem::new(
        "credential-unreadable",
        format!("The {} could not be read: {why}.", field.label),
        &["Paste it at the prompt, or give it on standard input."],
    ))
}
