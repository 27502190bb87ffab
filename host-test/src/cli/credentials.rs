//! Credentials, from the environment, a hidden prompt or standard input. Never from an argument:
//! those are seen by every program on the machine and stay in the shell's history.

use std::io::{IsTerminal as _, Read as _};

use secrecy::{ExposeSecret as _, SecretString};

use super::CommandError;
use crate::contract::types::{CredentialField, Manifest, Problem};
use crate::egress::Credentials;

/// More than any credential has.
const LONGEST: u64 = 64 << 10;

/// Reads every credential that the manifest names. The optional ones come from the environment, or
/// from the prompt where they are asked for.
pub fn read(manifest: &Manifest, asks_for_optional: bool) -> Result<Credentials, CommandError> {
    let asks_for_optional = asks_for_optional && std::io::stdin().is_terminal();
    let mut given = Vec::new();
    for field in &manifest.credentials {
        let variable = variable(&manifest.provider_id, &field.name);
        let value = match std::env::var(&variable) {
            // A variable that is set to nothing is not set, as far as the merchant may leave it out.
            Ok(value) if value.is_empty() && !field.required => None,
            Ok(value) => Some(SecretString::from(value)),
            Err(std::env::VarError::NotPresent) if field.required => Some(ask(field)?),
            Err(std::env::VarError::NotPresent) if asks_for_optional => {
                // Nothing is typed where there is nothing to give.
                Some(ask(field)?).filter(|value| !value.expose_secret().is_empty())
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

/// The variable of a credential: `<PROVIDER>_<CREDENTIAL>`.
pub fn variable(provider_id: &str, credential: &str) -> String {
    format!("{provider_id}_{credential}").to_uppercase().replace('-', "_")
}

fn ask(field: &CredentialField) -> Result<SecretString, CommandError> {
    let mut standard_input = std::io::stdin();
    let value = if standard_input.is_terminal() {
        eprintln!("{}", field.help);
        rpassword::prompt_password(format!("{} (it stays hidden): ", field.label))
    } else {
        // All of it, so that a line break inside is seen and not cut off.
        let mut value = String::new();
        standard_input.by_ref().take(LONGEST).read_to_string(&mut value).map(|_| value)
    };
    value.map(SecretString::from).map_err(|error| unreadable(field, &error.to_string()))
}

fn unreadable(field: &CredentialField, why: &str) -> CommandError {
    CommandError::Usage(Problem::new(
        "credential-unreadable",
        format!("The {} could not be read: {why}.", field.label),
        &["Paste it at the prompt, or give it on standard input."],
    ))
}
