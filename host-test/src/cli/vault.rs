//! `vault rotate`.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::json;

use super::CommandError;
use super::output::Output;
use crate::contract::types::Problem;
use crate::marketplace::{Error, Marketplace};
use crate::vault::{KEY_VARIABLE, NEW_KEY_VARIABLE, VaultError};

/// The commands about the vault.
#[derive(Subcommand)]
pub enum VaultCommand {
    /// Seals every stored secret with a new key, in every workspace
    ///
    /// It is done completely or not at all, also if the process is killed. A running `host-test serve` goes on. A
    /// backup from before opens with the old key only: make a new one.
    ///
    /// Where the key is in the environment (`HOST_TEST_VAULT_KEY`), the new key is read from
    /// `HOST_TEST_NEW_VAULT_KEY`. Afterwards set the first variable to the new key wherever it is set, and start
    /// `host-test serve` again.
    Rotate,
}

pub async fn rotate(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let is_set = |variable| std::env::var_os(variable).is_some();
    if is_set(NEW_KEY_VARIABLE) && !is_set(KEY_VARIABLE) {
        return Err(CommandError::Usage(Problem::new(
            "vault-new-key",
            format!(
                "{NEW_KEY_VARIABLE} is set, but the key is in the data folder: its new one is made by this program."
            ),
            &[
                "Run it again without that variable, or set HOST_TEST_VAULT_KEY to the key that is in use.",
            ],
        )));
    }
    let rotated = marketplace.rotate_vault_key().await.map_err(|error| match error {
        Error::Vault(
            error @ (VaultError::NoNewKey
            | VaultError::SameKey
            | VaultError::MalformedVariable(NEW_KEY_VARIABLE)),
        ) => CommandError::Usage(error.problem()),
        error => error.into(),
    })?;
    let installations = match rotated.installations {
        0 => "No installation has secrets.".to_owned(),
        1 => "The secrets of 1 installation were sealed anew.".to_owned(),
        number => format!("The secrets of {number} installations were sealed anew."),
    };
    let mut text = format!("The vault has a new key. {installations}\n");
    if rotated.is_in_environment {
        let _ = writeln!(
            text,
            "→ Now set {KEY_VARIABLE} to the new key wherever it is set, and start `host-test serve` again."
        );
    }
    text.push_str("→ Make a new backup: an earlier one opens with the old key only.");
    let json = json!({
        "installations": rotated.installations,
        "in_environment": rotated.is_in_environment,
    });
    Ok(Output::new(json, text))
}
