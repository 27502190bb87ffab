//! The data folder: who may read it. It holds the ledger and the vault's key, so only the user that runs this
//! program may enter it.
//!
//! On Unix alone: other systems have other rights, and there the folder is only created.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::contract::types::Problem;

/// The file of the ledger.
pub const LEDGER: &str = "ledger.sqlite";
/// The file of the control listener's token.
pub const CONTROL_TOKEN: &str = "control.token";

/// Why a data folder is not used.
#[derive(Debug, Error)]
pub enum DataFolderError {
    /// It is not empty, and others may read it, write to it or enter it.
    #[error("{} can be read or changed by other users", .0.display())]
    Open(PathBuf),
    /// The folder, or a file in it, belongs to another user.
    #[error("{} belongs to another user", .0.display())]
    OtherOwner(PathBuf),
    /// There is a link, or something else, where a file is expected.
    #[error("{} is not a plain file", .0.display())]
    NoPlainFile(PathBuf),
    /// It cannot be created, read or tightened.
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    Unusable(PathBuf, io::Error),
}

impl DataFolderError {
    /// The problem for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let chmod;
        let (code, remedy): (_, &[&str]) = match self {
            Self::Open(folder) => {
                chmod = format!("Run `chmod 700 {}`.", folder.display());
                (
                    "data-folder-open",
                    &[
                        &chmod,
                        "If somebody may have read it: run `host-test vault rotate`, and replace the API keys at the provider (`host-test install` with each new one).",
                        "If it is the root of a volume that others use too, give a folder inside it with --data-dir.",
                    ],
                )
            }
            Self::OtherOwner(_) => (
                "data-folder-foreign",
                &[
                    "Run this program as the user that owns the data folder, or use another folder with --data-dir.",
                    "If you do not know that user, do not use the folder: somebody may have put it there.",
                ],
            ),
            Self::NoPlainFile(_) => (
                "data-folder-foreign",
                &[
                    "Put the file itself there, or use another folder with --data-dir.",
                    "If you did not put it there, somebody else can write to the folder: replace the API keys.",
                ],
            ),
            Self::Unusable(..) => (
                "data-folder-unusable",
                &[
                    "Check the folder's owner and permissions and the free space on the disk, or use another folder with --data-dir.",
                ],
            ),
        };
        Problem::new(code, format!("The data folder cannot be used: {self}."), remedy)
    }
}

/// Makes a data folder private before anything in it is opened. A folder that does not exist is created. An
/// empty one that others may enter is tightened, and so is a file in a folder that nobody else could enter. The
/// ledger's file is created, because SQLite would let others read it.
///
/// # Errors
///
/// Others may enter a folder that is not empty, it or a file in it is not this user's own, or it cannot be used.
#[cfg(unix)]
pub fn prepare(folder: &Path) -> Result<(), DataFolderError> {
    unix::prepare(folder)
}

/// Creates a data folder that does not exist.
///
/// # Errors
///
/// It cannot be created.
#[cfg(not(unix))]
pub fn prepare(folder: &Path) -> Result<(), DataFolderError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| DataFolderError::Unusable(folder.to_owned(), error))
}

/// Makes a file of the data folder that nobody else may read, completely or not at all. `false`: it was there already.
///
/// # Errors
///
/// It cannot be written.
pub fn create_file(path: &Path, content: &[u8]) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Written to a temporary file and renamed, so that a crash leaves no partial file and none is replaced. Only its
    // owner may read a temporary file.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(path) {
        Ok(_) => sync(folder).map(|()| true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Makes a change of a folder last over a crash of the machine.
///
/// # Errors
///
/// It cannot be written.
pub fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, OpenOptions, Permissions};
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    };
    use std::path::Path;

    use super::{CONTROL_TOKEN, DataFolderError, LEDGER};
    use crate::vault;

    /// What the group and others may do.
    const FOR_OTHERS: u32 = 0o077;
    /// What SQLite keeps beside the ledger.
    const BESIDE_THE_LEDGER: [&str; 2] = ["ledger.sqlite-wal", "ledger.sqlite-shm"];

    pub fn prepare(folder: &Path) -> Result<(), DataFolderError> {
        let failed = |error| DataFolderError::Unusable(folder.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let found = fs::metadata(folder).map_err(failed)?;
        if found.uid() != own_user() {
            return Err(DataFolderError::OtherOwner(folder.to_owned()));
        }
        if found.mode() & FOR_OTHERS != 0 {
            // Nobody has read what is not there yet.
            if fs::read_dir(folder).map_err(failed)?.next().is_some() {
                return Err(DataFolderError::Open(folder.to_owned()));
            }
            fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
        }
        for name in [LEDGER, CONTROL_TOKEN].into_iter().chain(BESIDE_THE_LEDGER).chain(vault::FILES)
        {
            tighten(&folder.join(name))?;
        }
        create_private(&folder.join(LEDGER))
    }

    /// Tightens a file. Nobody but this user can replace it meanwhile, because the folder is private.
    fn tighten(file: &Path) -> Result<(), DataFolderError> {
        let failed = |error| DataFolderError::Unusable(file.to_owned(), error);
        let found = match fs::symlink_metadata(file) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if !found.is_file() {
            return Err(DataFolderError::NoPlainFile(file.to_owned()));
        }
        if found.uid() != own_user() {
            return Err(DataFolderError::OtherOwner(file.to_owned()));
        }
        if found.mode() & FOR_OTHERS != 0 {
            let own = Permissions::from_mode(found.mode() & 0o700);
            match fs::set_permissions(file, own) {
                // SQLite deletes its own files when the last process closes the ledger.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                changed => changed.map_err(failed)?,
            }
            tracing::warn!(
                file = %file.display(),
                "A file could be read by other users, if they could enter its folder. Now it cannot."
            );
        }
        Ok(())
    }

    fn create_private(file: &Path) -> Result<(), DataFolderError> {
        let created: io::Result<_> =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(DataFolderError::Unusable(file.to_owned(), error)),
        }
    }

    fn own_user() -> u32 {
        rustix::process::geteuid().as_raw()
    }
}
