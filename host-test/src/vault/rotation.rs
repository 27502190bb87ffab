//! The files of a rotation: a new key in the place of the old one.
//!
//! The new key is on the disk before the first value is sealed with it, and the old one until every value is. So
//! at each moment there is a file with the key that opens what is stored.

use std::fs::File;
use std::sync::Arc;

use super::key_file::LockKind;
use super::{SecretKey, Vault, VaultError, variable};

/// A rotation. While it lives, nobody seals with the old key.
pub struct Rotation {
    vault: Arc<Vault>,
    _lock: File,
}

impl Rotation {
    /// Begins or goes on with a rotation, and waits for those who seal.
    ///
    /// # Errors
    ///
    /// They take too long, or the lock's file cannot be used.
    pub fn begin(vault: &Arc<Vault>) -> Result<Self, VaultError> {
        let lock = vault.files.lock(LockKind::Exclusive)?;
        Ok(Self { vault: Arc::clone(vault), _lock: lock })
    }

    /// As [`Rotation::begin`]. None: somebody seals or rotates at this moment.
    ///
    /// # Errors
    ///
    /// The lock's file cannot be used.
    pub fn begin_at_once(vault: &Arc<Vault>) -> Result<Option<Self>, VaultError> {
        let lock = vault.files.lock_at_once(LockKind::Exclusive)?;
        Ok(lock.map(|lock| Self { vault: Arc::clone(vault), _lock: lock }))
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The new key: random and on the disk, or the one in the environment.
    ///
    /// # Errors
    ///
    /// The file cannot be written; or the environment has no new key.
    pub fn make_key(&self) -> Result<Arc<SecretKey>, VaultError> {
        if self.vault.is_in_environment {
            return variable(true)?.ok_or(VaultError::NoNewKey);
        }
        let key = SecretKey::generate()?;
        self.vault.files.write_new(&key)?;
        Ok(key)
    }

    /// The new key of a rotation that was interrupted. None: there is none.
    ///
    /// # Errors
    ///
    /// Its file is malformed, or cannot be read.
    pub fn interrupted_key(&self) -> Result<Option<Arc<SecretKey>>, VaultError> {
        if self.vault.is_in_environment { Ok(None) } else { self.vault.files.new_key() }
    }

    /// Puts the new key into the place of the old one: every value is sealed with it.
    ///
    /// # Errors
    ///
    /// The file cannot be renamed.
    pub fn complete(&self, key: &Arc<SecretKey>) -> Result<(), VaultError> {
        if !self.vault.is_in_environment {
            self.vault.files.complete()?;
        }
        self.vault.remember(Arc::clone(key));
        Ok(())
    }

    /// Removes the new key: no value is sealed with it.
    ///
    /// # Errors
    ///
    /// The file cannot be removed.
    pub fn discard(&self) -> Result<(), VaultError> {
        if self.vault.is_in_rotation() { self.vault.files.discard() } else { Ok(()) }
    }
}
