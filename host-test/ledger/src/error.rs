//! Errors of the ledger.

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::types::Problem;

/// Why a method of the ledger failed. Nothing was changed.
#[derive(Clone, Debug, Error)]
pub enum LedgerError {
    /// Another process holds the write lock for longer than we wait.
    #[error("another program is using the ledger")]
    Locked,
    /// The file is damaged, or is no SQLite database.
    #[error("the ledger's file is damaged or is not a ledger")]
    Corrupt,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The file cannot be opened, read or written.
    #[error("the ledger's file cannot be used: {0}")]
    File(String),
    /// A newer version of this program has migrated the file to this version of the schema.
    #[error("the ledger was made by a newer version (its schema is {0})")]
    Newer(u32),
    /// The work on the ledger ended early.
    #[error("the work on the ledger was stopped")]
    Stopped,
    /// Any other error of SQLite.
    #[error("the ledger reported an error: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        // The `-shm` file beside the ledger could not grow: the disk is full.
        let extended_code = error.sqlite_error().map(|error| error.extended_code);
        if extended_code == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::DiskFull;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure,
            ) => Self::File(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl LedgerError {
    /// The error for a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (code, remedy): (_, &[&str]) = match self {
            Self::Locked => (
                "ledger-locked",
                &["Wait until the other program has finished, and try again. Nothing was lost."],
            ),
            Self::Corrupt => (
                "ledger-corrupt",
                &[
                    "Nothing was changed. Keep the file: its contents may be recoverable.",
                    "Restore the data folder from a backup, or use another folder with --data-dir.",
                ],
            ),
            Self::DiskFull => {
                ("disk-full", &["Free some space on the disk, and try again. Nothing was lost."])
            }
            Self::File(_) => (
                "ledger-unusable",
                &[
                    "Check the data folder's owner and permissions and the free space on the disk, or use another folder with --data-dir.",
                ],
            ),
            Self::Newer(_) => ("ledger-newer", &["Use the newer version of this program."]),
            Self::Stopped | Self::Other(_) => {
                ("ledger-error", &["Try again. If it happens again, report it with this message."])
            }
        };
        let mut message = self.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Problem {
            code: code.to_owned(),
            message: format!("{message}."),
            remedy: remedy.iter().map(|&step| step.to_owned()).collect(),
        }
    }
}
