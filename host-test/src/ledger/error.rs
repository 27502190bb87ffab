//! Why the ledger does not answer.

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::contract::types::Problem;

/// Why the ledger does not answer. Nothing was changed.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// Another process holds it.
    #[error("another program is using the ledger")]
    Locked,
    /// It is not a ledger, or damaged.
    #[error("the ledger's file is damaged or is not a ledger")]
    Corrupt,
    /// There is no room.
    #[error("the disk is full")]
    DiskFull,
    /// The file cannot be opened, read or written.
    #[error("the ledger's file cannot be used: {0}")]
    File(String),
    /// A newer version of this program made it.
    #[error("the ledger was made by a newer version (its schema is {0})")]
    Newer(u32),
    /// Anything else.
    #[error("the ledger refused: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        // The shared memory beside the file could not grow: there is no room for it.
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
    /// What to tell a person.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (code, remedy): (_, &[&str]) = match self {
            Self::Locked => (
                "ledger-locked",
                &["Wait until the other program is done, and try again. Nothing was lost."],
            ),
            Self::Corrupt => (
                "ledger-corrupt",
                &[
                    "Nothing was changed. Keep the file: what is in it may be recovered.",
                    "Restore the data folder from a backup, or use another one with --data-dir.",
                ],
            ),
            Self::DiskFull => {
                ("disk-full", &["Free some space on the disk, and try again. Nothing was lost."])
            }
            Self::File(_) => (
                "ledger-unusable",
                &[
                    "Check the data folder's owner and permissions and the space on the disk, or use another one with --data-dir.",
                ],
            ),
            Self::Newer(_) => ("ledger-newer", &["Use the newer version of this program."]),
            Self::Other(_) => (
                "ledger-error",
                &["Try again. If it keeps happening, report it with this message."],
            ),
        };
        let mut message = self.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Problem::new(code, format!("{message}."), remedy)
    }
}
