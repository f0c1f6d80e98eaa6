//! Which backend, and where: the only way to get one.

use std::path::PathBuf;
use std::sync::Arc;

use partykit_core::Store;

use crate::StorageError;
use crate::memory::MemoryStore;
use crate::sled::SledStore;

/// A backend and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageConfig {
    /// Keeps nothing beyond the life of the process.
    Memory,
    /// Keeps everything in a directory.
    Sled(SledOptions),
}

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
}

impl SledOptions {
    /// The defaults, in this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            dir: dir.into(),
            // Pages of rooms that are awake; a small server has room for it.
            cache_bytes: 128 * MIB,
            // Several log segments and the consolidations that a group can cause.
            free_bytes_min: 64 * MIB,
        }
    }
}

impl StorageConfig {
    /// The names that [`StorageConfig::named`] takes.
    pub const NAMES: &'static str = "memory, sled";

    /// The backend of that name with its defaults; `dir` is where a durable one keeps its files.
    ///
    /// # Errors
    /// There is no such backend.
    pub fn named(name: &str, dir: impl Into<PathBuf>) -> Result<Self, StorageError> {
        match name {
            "memory" => Ok(Self::Memory),
            "sled" => Ok(Self::Sled(SledOptions::new(dir))),
            _ => Err(StorageError::UnknownBackend {
                name: name.to_owned(),
                known: Self::NAMES,
            }),
        }
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_backend_is_refused_with_the_names_of_the_known_ones() {
        let error = StorageConfig::named("etcd", "x").unwrap_err().to_string();
        assert!(
            error.contains("`etcd`") && error.contains("memory, sled"),
            "{error}"
        );
        assert_eq!(
            StorageConfig::named("memory", "x").unwrap(),
            StorageConfig::Memory
        );
    }
}
