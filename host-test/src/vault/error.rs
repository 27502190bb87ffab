//! Why the vault cannot be used.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{KEY_VARIABLE, NEW_KEY_VARIABLE};
use crate::contract::types::Problem;

/// Why the vault cannot be used.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The variable does not hold a key.
    #[error("{0} is not a key of 64 hexadecimal digits")]
    MalformedVariable(&'static str),
    /// The file does not hold a key.
    #[error("{} is not a key of 64 hexadecimal digits", name(.0))]
    MalformedFile(PathBuf),
    /// There is no key, but there are values that were sealed with it.
    #[error("the key's file {} is missing", name(.0))]
    Missing(PathBuf),
    /// A file cannot be read, written or created.
    #[error("{name}: {source}", name = name(.0), source = .1)]
    File(PathBuf, std::io::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// The value was sealed with another key or for another owner, or it was changed.
    #[error("this key does not open a stored secret")]
    DoesNotOpen,
    /// Another process installs, repairs or rotates, for longer than we wait.
    #[error("another command is using the vault's key")]
    Busy,
    /// The key is in the environment, and the new one is not.
    #[error("{NEW_KEY_VARIABLE} does not hold the new key")]
    NoNewKey,
    /// The new key is the one in use.
    #[error("{NEW_KEY_VARIABLE} holds the key that is in use")]
    SameKey,
}

impl VaultError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        // The message is also the answer to a delivery, and strangers need not know where the folder is.
        let step = match self {
            Self::MalformedFile(path) => format!(
                "Restore the key that was used before, in {}. Without it the stored secrets are lost.",
                path.display()
            ),
            Self::Missing(path) => format!(
                "Restore {} from the backup that belongs to the ledger. Nothing else has to be done then.",
                path.display()
            ),
            Self::File(path, _) => format!(
                "Check the owner and permissions of {}, and the free space on the disk.",
                path.display()
            ),
            _ => String::new(),
        };
        let (code, remedy): (_, &[&str]) = match self {
            Self::MalformedVariable(NEW_KEY_VARIABLE) | Self::NoNewKey | Self::SameKey => (
                "vault-new-key",
                &[
                    "Set HOST_TEST_NEW_VAULT_KEY to a new key of 64 hexadecimal digits (`openssl rand -hex 32` makes one), and HOST_TEST_VAULT_KEY to the key that is in use.",
                ],
            ),
            Self::MalformedVariable(_) => (
                "vault-locked",
                &[
                    "If the folder has its own vault.key: unset HOST_TEST_VAULT_KEY.",
                    "Otherwise set it to the key that was used before. Without it the stored secrets are lost.",
                    "If it is lost: set the variable to a new key, run `host-test uninstall --force` in each workspace (`--workspace NAME`), and install again.",
                ],
            ),
            Self::MalformedFile(_) => (
                "vault-locked",
                &[
                    &step,
                    "If it is lost: run `host-test uninstall --force` in each workspace (`--workspace NAME`), remove the file, and install again.",
                ],
            ),
            Self::Missing(_) => (
                "vault-locked",
                &[
                    &step,
                    "If it is lost: run `host-test uninstall --force` in each workspace (`--workspace NAME`), and install again. The last one makes room for a new key.",
                ],
            ),
            Self::File(..) => ("vault-locked", &[&step]),
            Self::NoRandomness => ("vault-locked", &["Try again."]),
            Self::DoesNotOpen => (
                "vault-locked",
                &[
                    "Use the key with which the data folder was created, or the one after its last rotation: in vault.key, or in HOST_TEST_VAULT_KEY, which comes first where it is set.",
                    "If that key is lost: run `host-test uninstall --force` in each workspace (`--workspace NAME`), and install again.",
                ],
            ),
            Self::Busy => (
                "vault-busy",
                &["Wait until the other command has finished, and try again. Nothing was changed."],
            ),
        };
        let message = match self {
            Self::Busy | Self::NoNewKey | Self::SameKey => {
                format!("The key cannot be used now: {self}.")
            }
            Self::MalformedVariable(NEW_KEY_VARIABLE) => {
                format!("The new key cannot be used: {self}.")
            }
            _ => format!("The stored secrets cannot be used: {self}."),
        };
        Problem::new(code, message, remedy)
    }

    /// Whether it is over by itself.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy)
    }

    /// The name of the variable that does not hold the key, for a message of its own.
    pub(super) fn malformed(is_new: bool) -> Self {
        Self::MalformedVariable(if is_new { NEW_KEY_VARIABLE } else { KEY_VARIABLE })
    }
}

/// The name of a file, without its folder.
fn name(path: &Path) -> std::path::Display<'_> {
    path.file_name().map_or(path, Path::new).display()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_unchanged() {
        let path = || PathBuf::from("data/vault.key");
        let errors = [
            VaultError::MalformedVariable(KEY_VARIABLE),
            VaultError::MalformedVariable(NEW_KEY_VARIABLE),
            VaultError::MalformedFile(path()),
            VaultError::Missing(path()),
            VaultError::File(path(), std::io::Error::other("denied")),
            VaultError::NoRandomness,
            VaultError::DoesNotOpen,
            VaultError::Busy,
            VaultError::NoNewKey,
            VaultError::SameKey,
        ];
        let text: Vec<String> = errors
            .iter()
            .map(VaultError::problem)
            .map(|problem| {
                format!("{}: {} {}", problem.code, problem.message, problem.remedy.join(" "))
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
