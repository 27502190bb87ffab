//! The vault: secrets at rest, encrypted with XChaCha20-Poly1305.
//!
//! A sealed value is a version byte, a random nonce of 24 bytes, and the ciphertext with its tag. The
//! associated data is the name of the value's owner, so a value cannot be moved to another owner.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use thiserror::Error;

use crate::contract::types::Problem;

/// The environment variable of the key, 64 hexadecimal digits. Without it the key is in a file.
pub const KEY_VARIABLE: &str = "HOST_TEST_VAULT_KEY";

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;

/// Why the vault cannot be used.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The variable does not hold a key.
    #[error("{KEY_VARIABLE} is not a key of 64 hexadecimal digits")]
    MalformedVariable,
    /// The file does not hold a key.
    #[error("{} is not a key of 64 hexadecimal digits", .0.display())]
    MalformedFile(PathBuf),
    /// The file cannot be read or created.
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    File(PathBuf, std::io::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// The value was sealed with another key or for another owner, or it was changed.
    #[error("this key does not open a stored secret")]
    DoesNotOpen,
}

impl VaultError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let remedy: &[&str] = match self {
            Self::MalformedVariable | Self::MalformedFile(_) => {
                &["Restore the key that was used before. Without it the stored secrets are lost."]
            }
            Self::File(..) => {
                &["Check the file's owner and permissions and the free space on the disk."]
            }
            Self::NoRandomness => &["Try again."],
            Self::DoesNotOpen => &[
                "Use the key with which the data folder was created.",
                "If that key is lost, uninstall with --force and install again.",
            ],
        };
        Problem::new("vault-locked", format!("The stored secrets cannot be used: {self}."), remedy)
    }
}

/// The vault. `Debug` shows no key.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    /// HMAC with the key, from which other keys are derived.
    derivation: Hmac<Sha256>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault")
    }
}

impl Vault {
    /// Opens the vault with the key from the environment, else from a file in the data folder. The file is
    /// created once, and only its owner may read it.
    ///
    /// # Errors
    ///
    /// The key is malformed, or its file cannot be read or created.
    pub fn open(data_dir: &Path) -> Result<Self, VaultError> {
        if let Ok(text) = std::env::var(KEY_VARIABLE) {
            return Self::with_key(&text.into()).ok_or(VaultError::MalformedVariable);
        }
        let path = data_dir.join("vault.key");
        let text = read_or_create(&path)?;
        Self::with_key(&text).ok_or(VaultError::MalformedFile(path))
    }

    fn with_key(text: &SecretString) -> Option<Self> {
        let digits = text.expose_secret().trim();
        let mut key = Key::default();
        let decoded = base16ct::mixed::decode(digits, &mut key).ok()?;
        if decoded.len() != key.len() {
            return None;
        }
        let derivation = Hmac::new_from_slice(&key).ok()?;
        Some(Self { cipher: XChaCha20Poly1305::new(&key), derivation })
    }

    /// A key for another purpose than sealing. The same purpose is always the same key; it does not tell the
    /// vault's key, nor that of another purpose.
    #[must_use]
    pub fn derived_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.derivation.clone().chain_update(purpose).finalize().into_bytes().into())
    }

    /// Seals a value for an owner.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn seal(&self, owner: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = XNonce::try_generate().map_err(|_| VaultError::NoRandomness)?;
        let payload = Payload { msg: value, aad: owner.as_bytes() };
        let ciphertext =
            self.cipher.encrypt(&nonce, payload).map_err(|_| VaultError::DoesNotOpen)?;
        Ok([&[VERSION], nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens a value that was sealed for an owner.
    ///
    /// # Errors
    ///
    /// It was sealed with another key or for another owner, or it was changed.
    pub fn open_sealed(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err(VaultError::DoesNotOpen);
        };
        let Some((nonce, ciphertext)) = rest.split_first_chunk::<NONCE_LENGTH>() else {
            return Err(VaultError::DoesNotOpen);
        };
        let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::DoesNotOpen)
    }
}

fn read_or_create(path: &Path) -> Result<SecretString, VaultError> {
    let failed = |error| VaultError::File(path.to_owned(), error);
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let key = Key::try_generate().map_err(|_| VaultError::NoRandomness)?;
    let text = SecretString::from(base16ct::lower::encode_string(&key));
    // Written to a temporary file and renamed, so that a crash leaves no partial key and no key is replaced.
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    temporary.write_all(text.expose_secret().as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    match temporary.persist_noclobber(path) {
        Ok(_) => {
            let directory = OpenOptions::new().read(true).open(directory).map_err(failed)?;
            directory.sync_all().map_err(failed)?;
            Ok(text)
        }
        // Another process created it first.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map(SecretString::from).map_err(failed)
        }
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_value_opens_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(directory.path()).unwrap();
        let sealed = vault.seal("a/key", b"sk_test_x").unwrap();
        assert!(!sealed.windows(9).any(|bytes| bytes == b"sk_test_x"));
        // The key was stored: the next process opens it.
        let again = Vault::open(directory.path()).unwrap();
        assert_eq!(again.open_sealed("a/key", &sealed).unwrap(), b"sk_test_x");
        assert!(vault.open_sealed("b/key", &sealed).is_err());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(vault.open_sealed("a/key", &changed).is_err(), "{position}");
            assert!(vault.open_sealed("a/key", &sealed[..position]).is_err(), "{position}");
        }
    }

    #[test]
    fn derived_key_is_of_its_purpose_and_vault() {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [vault, other] = directories.each_ref().map(|path| Vault::open(path.path()).unwrap());
        let again = Vault::open(directories[0].path()).unwrap();
        assert_eq!(vault.derived_key("a"), again.derived_key("a"));
        assert_ne!(vault.derived_key("a"), vault.derived_key("b"));
        assert_ne!(vault.derived_key("a"), other.derived_key("a"));
    }

    #[test]
    fn messages_are_unchanged() {
        let path = || PathBuf::from("data/vault.key");
        let errors = [
            VaultError::MalformedVariable,
            VaultError::MalformedFile(path()),
            VaultError::File(path(), std::io::Error::other("denied")),
            VaultError::NoRandomness,
            VaultError::DoesNotOpen,
        ];
        let text: Vec<String> = errors
            .iter()
            .map(VaultError::problem)
            .map(|problem| format!("{} {}", problem.message, problem.remedy.join(" ")))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        Vault::open(directory.path()).unwrap();
        let metadata = fs::metadata(directory.path().join("vault.key")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}
