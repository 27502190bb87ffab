//! The files of the vault in the data folder: the key, the new key of a rotation, and a lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;

use super::VaultError;
use super::key::SecretKey;
use crate::data_folder;

const KEY: &str = "vault.key";
/// The key of a rotation that is not complete.
const NEW_KEY: &str = "vault.key.new";
const LOCK: &str = "vault.lock";

/// Every file of the vault.
pub const FILES: [&str; 3] = [KEY, NEW_KEY, LOCK];

/// The largest key file, in bytes: 64 digits and white space around them. Our own choice.
const MAXIMUM_LENGTH: usize = 256;
/// How long a lock is waited for. Longer than a rotation takes; an install waits for its provider.
const LOCK_TIMEOUT: Duration = Duration::from_secs(15);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// The folder of the vault's files.
pub(super) struct KeyFiles(PathBuf);

/// Who else may hold the lock.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum LockKind {
    /// Others that seal with the key that is in use.
    Shared,
    /// Nobody: the key changes.
    Exclusive,
}

impl KeyFiles {
    pub fn of(data_dir: &Path) -> Self {
        Self(data_dir.to_owned())
    }

    /// The key.
    pub fn key(&self) -> Result<Arc<SecretKey>, VaultError> {
        let path = self.0.join(KEY);
        read(&path)?.ok_or(VaultError::Missing(path))
    }

    /// The new key of a rotation that is not complete. None: there is none.
    pub fn new_key(&self) -> Result<Option<Arc<SecretKey>>, VaultError> {
        read(&self.0.join(NEW_KEY))
    }

    /// Whether there is a rotation that is not complete. It may be running.
    pub fn has_new_key(&self) -> bool {
        self.0.join(NEW_KEY).exists()
    }

    /// Makes the key, unless another process makes it first.
    pub fn create(&self) -> Result<Arc<SecretKey>, VaultError> {
        let path = self.0.join(KEY);
        let failed = |error| VaultError::File(path.clone(), error);
        let key = SecretKey::generate()?;
        // No key is replaced.
        let is_new = data_folder::create_file(&path, key.digits().as_slice()).map_err(failed)?;
        if is_new { Ok(key) } else { self.key() }
    }

    /// Writes a new key beside the key. It is on the disk when this returns.
    pub fn write_new(&self, key: &SecretKey) -> Result<(), VaultError> {
        let path = self.0.join(NEW_KEY);
        let failed = |error| VaultError::File(path.clone(), error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(key.digits().as_slice()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        self.sync()
    }

    /// Puts the new key in the place of the key.
    pub fn complete(&self) -> Result<(), VaultError> {
        let path = self.0.join(KEY);
        fs::rename(self.0.join(NEW_KEY), &path).map_err(|error| VaultError::File(path, error))?;
        self.sync()
    }

    /// Removes the new key.
    pub fn discard(&self) -> Result<(), VaultError> {
        let path = self.0.join(NEW_KEY);
        fs::remove_file(&path).map_err(|error| VaultError::File(path, error))?;
        self.sync()
    }

    /// Takes the lock, and waits for it. It is released when the file is closed, also by a crash.
    pub fn lock(&self, kind: LockKind) -> Result<File, VaultError> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            if let Some(file) = self.lock_at_once(kind)? {
                return Ok(file);
            }
            if Instant::now() >= deadline {
                return Err(VaultError::Busy);
            }
            std::thread::sleep(LOCK_POLL);
        }
    }

    /// Takes the lock. None: somebody else has it.
    pub fn lock_at_once(&self, kind: LockKind) -> Result<Option<File>, VaultError> {
        let path = self.0.join(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| VaultError::File(path.clone(), error))?;
        let taken = match kind {
            LockKind::Shared => file.try_lock_shared(),
            LockKind::Exclusive => file.try_lock(),
        };
        match taken {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(VaultError::File(path, error)),
        }
    }

    /// Makes a change of the folder last over a crash of the machine.
    fn sync(&self) -> Result<(), VaultError> {
        data_folder::sync(&self.0).map_err(|error| VaultError::File(self.0.clone(), error))
    }
}

/// The key in a file. None: there is no such file.
fn read(path: &Path) -> Result<Option<Arc<SecretKey>>, VaultError> {
    match read_key(path) {
        Ok(Some(key)) => Ok(Some(key)),
        Ok(None) => Err(VaultError::MalformedFile(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VaultError::File(path.to_owned(), error)),
    }
}

/// The 64 hexadecimal digits in a file. None: it holds something else.
pub(crate) fn read_key(path: &Path) -> std::io::Result<Option<Arc<SecretKey>>> {
    let mut file = File::open(path)?;
    // Of a fixed size, and in one place: a buffer that grows would leave copies behind.
    let mut text = Zeroizing::new(vec![0; MAXIMUM_LENGTH]);
    let mut length = 0;
    while let Some(rest) = text.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(number) => length += number,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(text.get(..length).filter(|_| length < MAXIMUM_LENGTH).and_then(SecretKey::parse))
}
