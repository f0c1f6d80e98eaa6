//! Which backend, and where: the only way to get one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use partykit_core::Store;

use crate::StorageError;
use crate::directory::Directory;
use crate::memory::MemoryStore;
use crate::sled::SledStore;
use crate::sqlite::SqliteStore;

/// A backend and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageConfig {
    /// Keeps nothing beyond the life of the process.
    Memory,
    /// Keeps everything in a directory.
    Sled(SledOptions),
    /// Keeps everything in a directory.
    Sqlite(SqliteOptions),
}

const MIB: u64 = 1024 * 1024;

/// Options of the sled backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SledOptions {
    /// Where; made when it does not exist. One process at a time.
    pub dir: PathBuf,
    /// Memory for pages that are kept after use.
    pub cache_bytes: u64,
    /// With less than this free on the disk (and room for the batch), commits are refused with
    /// `NoSpace`. A full disk in the middle of a write is what sled cannot go on after.
    pub free_bytes_min: u64,
    /// Whether commits wait for the disk. Always, but for tests that must see what happens else.
    pub(crate) syncs: bool,
}

/// Options of the SQLite backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Where; made when it does not exist. One process at a time.
    pub dir: PathBuf,
    /// Memory of the writing connection for pages.
    pub cache_bytes: u64,
    /// With less than this free on the disk (and room for the group), commits are refused with
    /// `NoSpace`. SQLite can go on after a full disk; this leaves it room to tidy up.
    pub free_bytes_min: u64,
    /// The write-ahead log is copied into the database when it has grown to this. Larger: fewer
    /// pauses, each longer, and a longer start after a crash.
    pub checkpoint_bytes: u64,
    /// As for sled.
    pub(crate) syncs: bool,
}

impl SqliteOptions {
    /// The defaults, in this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            // What is written often; a small server has room for it.
            cache_bytes: 32 * MIB,
            // A log that has grown while a backup was made must fit into the database.
            free_bytes_min: 32 * MIB,
            // About a thousand pages: some milliseconds to copy and sync.
            checkpoint_bytes: 4 * MIB,
            syncs: true,
        }
    }

    /// Acknowledges what may not be durable: to test what tests durability.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without_syncs(mut self) -> Self {
        self.syncs = false;
        self
    }
}

impl SledOptions {
    /// The defaults, in this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            // Pages of rooms that are awake; a small server has room for it.
            cache_bytes: 128 * MIB,
            // Several log segments and the consolidations that a group can cause.
            free_bytes_min: 64 * MIB,
            syncs: true,
        }
    }

    /// Acknowledges what may not be durable: to test what tests durability.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without_syncs(mut self) -> Self {
        self.syncs = false;
        self
    }
}

impl StorageConfig {
    /// The names that [`StorageConfig::named`] takes.
    pub const NAMES: &'static str = "memory, sled, sqlite";

    /// Those of them that keep what they are given.
    pub const DURABLE: &'static str = "sled, sqlite";

    /// The backend of new stores, see docs/decisions/0012-sqlite-is-the-default-store.md.
    pub const DEFAULT: &'static str = "sqlite";

    /// The backend of that name with its defaults; `dir` is where a durable one keeps its files.
    ///
    /// # Errors
    /// There is no such backend.
    pub fn named(name: &str, dir: impl Into<PathBuf>) -> Result<Self, StorageError> {
        match name {
            "memory" => Ok(Self::Memory),
            "sled" => Ok(Self::Sled(SledOptions::new(dir))),
            "sqlite" => Ok(Self::Sqlite(SqliteOptions::new(dir))),
            _ => Err(StorageError::UnknownBackend {
                name: name.to_owned(),
                known: Self::NAMES,
            }),
        }
    }

    /// The backend of the store that is in this directory, or the default one where there is none.
    ///
    /// # Errors
    /// The store was written by a newer program, or the directory cannot be read.
    pub fn of_directory(dir: &Path) -> Result<Self, StorageError> {
        let found = Directory::backend_of(dir)?;
        Self::named(found.as_deref().unwrap_or(Self::DEFAULT), dir)
    }
}

/// Opens a store, or makes a new one. Blocks for as long as recovery takes.
///
/// # Errors
/// Says what was attempted, where, and what to do about it.
pub fn open(config: &StorageConfig) -> Result<Arc<dyn Store>, StorageError> {
    match config {
        StorageConfig::Memory => Ok(Arc::new(MemoryStore::default())),
        StorageConfig::Sled(options) => Ok(Arc::new(SledStore::open(options)?)),
        StorageConfig::Sqlite(options) => Ok(Arc::new(SqliteStore::open(options)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_backend_is_refused_with_the_names_of_the_known_ones() {
        let error = StorageConfig::named("etcd", "x").unwrap_err().to_string();
        assert!(
            error.contains("`etcd`") && error.contains("memory, sled, sqlite"),
            "{error}"
        );
        assert_eq!(
            StorageConfig::named("memory", "x").unwrap(),
            StorageConfig::Memory
        );
    }
}
