//! The vault: secrets at rest, sealed with a key in the environment or in the data folder.
//!
//! While a value is sealed and stored, a shared lock keeps the key from being rotated: what was sealed with the
//! old key and stored after the rotation could never be opened again. So only [`Sealing`] seals. Opening needs no
//! lock: a value that does not open is tried again with the key that is on the disk now.

mod error;
mod key;
mod key_file;
mod rotation;

use std::env::VarError;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

pub use error::VaultError;
pub use key::SecretKey;
pub use key_file::FILES;
pub(crate) use key_file::read_key;
use key_file::{KeyFiles, LockKind};
pub use rotation::Rotation;

/// The environment variable of the key, 64 hexadecimal digits. Without it the key is in a file.
pub const KEY_VARIABLE: &str = "HOST_TEST_VAULT_KEY";
/// The environment variable of the key after a rotation, where the key is in the environment.
pub const NEW_KEY_VARIABLE: &str = "HOST_TEST_NEW_VAULT_KEY";

/// The vault. `Debug` shows no key.
pub struct Vault {
    files: KeyFiles,
    is_in_environment: bool,
    /// The key that was right last. None: there was none.
    current: RwLock<Option<Arc<SecretKey>>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault")
    }
}

/// What seals. While it lives, no other process rotates the key.
pub struct Sealing {
    key: Arc<SecretKey>,
    _lock: File,
}

impl Sealing {
    /// Seals a value for an owner.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn seal(&self, owner: &str, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.key.seal(owner, value)
    }
}

impl Vault {
    /// The vault of a data folder. Its key is in the environment, else in the folder. It is not read yet.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self {
            files: KeyFiles::of(data_dir),
            is_in_environment: !matches!(variable(false), Ok(None)),
            current: RwLock::default(),
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// It is missing or malformed, or its file cannot be read.
    pub fn read(&self) -> Result<Arc<SecretKey>, VaultError> {
        let key = if self.is_in_environment {
            variable(false)?.ok_or(VaultError::malformed(false))?
        } else {
            self.files.key()?
        };
        Ok(self.remember(key))
    }

    /// Makes the key, where nothing was ever sealed. If another process is first, its key is returned.
    ///
    /// # Errors
    ///
    /// The file cannot be created, or the system gives no random numbers.
    pub fn create(&self) -> Result<Arc<SecretKey>, VaultError> {
        let key = self.files.create()?;
        tracing::info!("a new key of the vault was made");
        Ok(self.remember(key))
    }

    /// Opens a value that was sealed for an owner. If the key does not open it, the key that is on the disk now is
    /// tried: another process may have rotated it.
    ///
    /// # Errors
    ///
    /// It was sealed with another key or for another owner, it was changed, or there is no key.
    pub fn open_sealed(
        &self,
        owner: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(opened) = current.and_then(|key| key.open_sealed(owner, sealed).ok()) {
            return Ok(opened);
        }
        let first = self.read().and_then(|key| key.open_sealed(owner, sealed));
        if first.is_ok() || self.is_in_environment {
            return first;
        }
        // A rotation has stored its values, and puts its key into the place of the old one next.
        if let Ok(Some(key)) = self.files.new_key()
            && let Ok(opened) = key.open_sealed(owner, sealed)
        {
            self.remember(key);
            return Ok(opened);
        }
        // It has done so since the first try.
        self.read().and_then(|key| key.open_sealed(owner, sealed))
    }

    /// Keeps the key from being rotated, which is waited for. The key must be read after this.
    ///
    /// # Errors
    ///
    /// A rotation takes too long, or the lock's file cannot be used.
    pub fn lock(&self) -> Result<SealingLock, VaultError> {
        self.files.lock(LockKind::Shared).map(SealingLock)
    }

    /// Whether a rotation is not complete: it runs, or it was interrupted.
    #[must_use]
    pub fn is_in_rotation(&self) -> bool {
        !self.is_in_environment && self.files.has_new_key()
    }

    /// Whether the key is in the environment.
    #[must_use]
    pub fn is_in_environment(&self) -> bool {
        self.is_in_environment
    }

    fn remember(&self, key: Arc<SecretKey>) -> Arc<SecretKey> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match current.as_ref() {
            // It has one place in memory.
            Some(known) if known.is(&key) => Arc::clone(known),
            _ => Arc::clone(current.insert(key)),
        }
    }
}

/// The lock of [`Vault::lock`].
pub struct SealingLock(File);

impl SealingLock {
    /// What seals with the key that is in use.
    #[must_use]
    pub fn with(self, key: Arc<SecretKey>) -> Sealing {
        Sealing { key, _lock: self.0 }
    }
}

/// The key in the environment, or the new one. None: there is no such variable.
fn variable(is_new: bool) -> Result<Option<Arc<SecretKey>>, VaultError> {
    let malformed = || VaultError::malformed(is_new);
    let text = match std::env::var(if is_new { NEW_KEY_VARIABLE } else { KEY_VARIABLE }) {
        Ok(text) => SecretString::from(text),
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(_)) => return Err(malformed()),
    };
    let key = SecretKey::parse(text.expose_secret().as_bytes());
    key.map(Some).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let one = Vault::of(directory.path());
        assert!(matches!(one.read(), Err(VaultError::Missing(_))));
        let sealed = one.lock().unwrap().with(one.create().unwrap()).seal("a", b"x").unwrap();
        let other = Vault::of(directory.path());
        assert_eq!(*other.open_sealed("a", &sealed).unwrap(), b"x");
        assert!(other.create().unwrap().is(&one.read().unwrap()));
    }

    #[test]
    fn key_that_another_process_has_rotated_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let (vault, other) = (Vault::of(directory.path()), Arc::new(Vault::of(directory.path())));
        let old = vault.create().unwrap().seal("a", b"old").unwrap();
        let rotation = Rotation::begin(&other).unwrap();
        let new = rotation.make_key().unwrap();
        let value = new.seal("a", b"new").unwrap();
        // Before its key is in place, and then.
        assert_eq!(*vault.open_sealed("a", &value).unwrap(), b"new");
        assert_eq!(*vault.open_sealed("a", &old).unwrap(), b"old");
        rotation.complete(&new).unwrap();
        assert_eq!(*vault.open_sealed("a", &value).unwrap(), b"new");
        assert!(matches!(vault.open_sealed("a", &old), Err(VaultError::DoesNotOpen)));
    }
}
