//! Why a store could not be opened: what was attempted, where, and what to do about it. Errors of
//! reading and committing are core's, because rooms act on them.

use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No backend has that name.
    #[error("there is no storage backend `{name}`; use one of: {known}")]
    UnknownBackend {
        /// As configured.
        name: String,
        /// What there is.
        known: &'static str,
    },
    /// Another process has the directory.
    #[error(
        "the store in {dir} is in use by another process{owner}; stop that one or choose \
         another directory"
    )]
    Locked {
        /// Where.
        dir: PathBuf,
        /// ` (process 123)` where it is known, else nothing.
        owner: String,
    },
    /// The directory, or something in it, may not be written.
    #[error("{dir} is not writable ({attempt}: {source}); give this user write access to it")]
    NotWritable {
        /// Where.
        dir: PathBuf,
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else in the file system failed.
    #[error("could not {attempt} in {dir}: {source}")]
    Io {
        /// Where.
        dir: PathBuf,
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory has files that no store has put there.
    #[error(
        "{dir} has files but holds no store; choose an empty directory, or one that does not \
         exist yet"
    )]
    NotAStore {
        /// Where.
        dir: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "the store in {dir} has format {found}, this program knows formats up to {supported}; \
         use the newer program that wrote it"
    )]
    NewerFormat {
        /// Where.
        dir: PathBuf,
        /// The version that was found.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// Written by another backend.
    #[error(
        "the store in {dir} belongs to the backend `{found}`, not to `{wanted}`; \
         configure {found} or choose another directory"
    )]
    OtherBackend {
        /// Where.
        dir: PathBuf,
        /// Whose it is.
        found: String,
        /// Who wanted to open it.
        wanted: &'static str,
    },
    /// An interrupted restoration is in the directory.
    #[error(
        "restoring a store into {dir} was interrupted; restore it again, which begins anew, or \
         empty the directory"
    )]
    HalfRestored {
        /// Where.
        dir: PathBuf,
    },
    /// What is to be kept would be gone with the process.
    #[error("the backend `{name}` keeps nothing; use one of: {durable}")]
    KeepsNothing {
        /// As asked for.
        name: String,
        /// Those which keep what they are given.
        durable: &'static str,
    },
    /// There is nothing to work on.
    #[error("there is no store in {dir}")]
    NoStore {
        /// Where.
        dir: PathBuf,
    },
    /// Something would be overwritten.
    #[error("{dir} is not empty; restore into a directory that is, or that does not exist yet")]
    NotEmpty {
        /// Where.
        dir: PathBuf,
    },
    /// There is nothing at a path that was given.
    #[error("there is no {what} {}", .path.display())]
    Missing {
        /// What should be there.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{file} is no backup of a store")]
    NoBackup {
        /// Which.
        file: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "the backup {file} has format {found}, this program knows formats up to {supported}; \
         use the newer program that wrote it"
    )]
    NewerBackup {
        /// Which.
        file: PathBuf,
        /// The version that was found.
        found: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// The backup is not as it was written.
    #[error("the backup {file} is damaged ({what}); use another one")]
    DamagedBackup {
        /// Which.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// Something that concerns the whole store failed.
    #[error(transparent)]
    Upkeep(#[from] partykit_core::UpkeepError),
    /// The store is damaged.
    #[error("the store in {dir} is damaged ({what}); restore it from a backup")]
    Corrupt {
        /// Where.
        dir: PathBuf,
        /// What was found.
        what: String,
    },
}

impl StorageError {
    /// Whether something else has to be asked for, another directory, file or backend, before this
    /// can go well; the other errors are failures.
    #[must_use]
    pub fn is_a_mistake(&self) -> bool {
        use std::io::ErrorKind::{IsADirectory, NotADirectory};
        match self {
            Self::UnknownBackend { .. }
            | Self::OtherBackend { .. }
            | Self::KeepsNothing { .. }
            | Self::NoStore { .. }
            | Self::NotAStore { .. }
            | Self::NotEmpty { .. }
            | Self::Missing { .. }
            | Self::NoBackup { .. }
            | Self::Upkeep(partykit_core::UpkeepError::Exists(_)) => true,
            Self::Io { source, .. } => matches!(source.kind(), IsADirectory | NotADirectory),
            _ => false,
        }
    }

    /// Sorts an error of the file system.
    pub(crate) fn io(dir: &std::path::Path, attempt: &'static str, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let dir = dir.to_owned();
        match source.kind() {
            PermissionDenied | ReadOnlyFilesystem => Self::NotWritable {
                dir,
                attempt,
                source,
            },
            _ => Self::Io {
                dir,
                attempt,
                source,
            },
        }
    }
}
