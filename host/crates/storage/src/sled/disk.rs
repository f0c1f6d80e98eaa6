//! sled's files: opening them, and making durable what sled only hands to the kernel.
//!
//! Owns every fsync of this backend. Knows no batch and no room.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ::sled::{Config, Error, Tree};

use super::shared::{Shared, guarded};
use super::value::{TREE_KEY_BYTES_MAX, TREE_VALUE_BYTES_MAX};
use crate::directory::{Directory, sync_directory, sync_files};
use crate::{SledOptions, StorageError};

/// sled's unit of allocation. It decides which records become files of their own: those above
/// [`RECORD_BYTES_MAX`]. Stored in sled's `conf`, so a change needs a new format version.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// A quarter of a segment, without sled's segment header and its longest message header.
const RECORD_BYTES_MAX: usize = SEGMENT_BYTES / 4 - 20 - 32;

/// A leaf is split when it has more than 16 entries, and takes in a right neighbour with fewer
/// than 4 before that; the rest is a margin.
const LEAF_ENTRIES_MAX: usize = 24;
/// As a leaf, with 256 and 64.
const INDEX_ENTRIES_MAX: usize = 257 + 63;
/// Lengths and page numbers of one entry, as sled writes them.
const ENTRY_OVERHEAD_BYTES: usize = 2 * 3 + 9;
/// The bounds of a node and its own fields.
const NODE_OVERHEAD_BYTES: usize = 2 * (TREE_KEY_BYTES_MAX + 3) + 64;

// No node of this store can become an unsynced file.
const _: () = {
    let entry = TREE_KEY_BYTES_MAX + ENTRY_OVERHEAD_BYTES;
    let leaf = LEAF_ENTRIES_MAX * (entry + TREE_VALUE_BYTES_MAX) + NODE_OVERHEAD_BYTES;
    let index = INDEX_ENTRIES_MAX * entry + NODE_OVERHEAD_BYTES;
    assert!(leaf <= RECORD_BYTES_MAX && index <= RECORD_BYTES_MAX);
};

/// sled's own lock outlives a closed store by the time its writing threads need to let go.
const LINGERING_LOCK: Duration = Duration::from_secs(5);

/// The log file, by a descriptor of our own.
pub(super) struct Disk {
    log: File,
    /// Only a test of tests has them off.
    syncs: bool,
}

impl Disk {
    /// Opens sled in a directory that is ours, and the log file for syncing.
    pub(super) fn open(
        directory: &Directory,
        options: &SledOptions,
    ) -> Result<(Self, Shared), StorageError> {
        let path = directory.backend_dir();
        wait_for_lock(directory, &path.join("db"))?;
        remove_unfinished(&path)
            .map_err(|error| StorageError::io(directory.path(), "tidy sled's files", error))?;
        let config = Config::new()
            .path(&path)
            .cache_capacity(options.cache_bytes)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        // Only the tree is kept: the rest of a `Db` serves named trees and background flushing.
        let open = || guarded(|| config.open().map(|db| Tree::clone(&db)));
        let opened = match open() {
            // A creation that was interrupted: sled does not write its `conf` so that a part of it
            // can be told from damage. Nothing was acknowledged before the store was marked.
            Err(error) if !directory.is_marked() && !matches!(error, Error::Io(_)) => {
                begin_anew(directory)?;
                open()
            }
            opened => opened,
        };
        let tree = opened.map_err(|error| open_error(directory, error))?;
        let shared = Shared::new(tree);
        let open = File::options().read(true).write(true).open(path.join("db"));
        let log =
            open.map_err(|error| StorageError::io(directory.path(), "open sled's log", error))?;
        let syncs = options.syncs;
        Ok((Self { log, syncs }, shared))
    }

    /// Waits until everything that sled has written to its log is on the disk.
    ///
    /// A failure must not be tried again: the kernel may have dropped the pages that it could not
    /// write, and would then report success.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.syncs {
            self.log.sync_data()
        } else {
            Ok(())
        }
    }

    /// Makes everything durable that opening has written: each file, and its name.
    pub(super) fn sync_files(&self, directory: &Directory) -> Result<(), StorageError> {
        let path = directory.backend_dir();
        let synced = sync_files(&path)
            .and_then(|()| self.log.sync_all())
            .and_then(|()| sync_directory(directory.path()));
        synced.map_err(|error| StorageError::io(directory.path(), "sync sled's files", error))
    }
}

/// Removes what an interrupted creation has left.
fn begin_anew(directory: &Directory) -> Result<(), StorageError> {
    let path = directory.backend_dir();
    fs::remove_dir_all(&path)
        .and_then(|()| fs::create_dir(&path))
        .map_err(|error| StorageError::io(directory.path(), "begin the store anew", error))
}

/// Removes snapshots that an earlier opening has begun and not completed. sled would take such a
/// file for the newest snapshot and refuse to open: it looks at the beginning of the name only.
fn remove_unfinished(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The directory is locked by us, so whoever still has sled's own lock is about to let go.
fn wait_for_lock(directory: &Directory, log: &Path) -> Result<(), StorageError> {
    let io = |source| StorageError::io(directory.path(), "lock sled's log", source);
    let file = match File::options().read(true).write(true).open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    let deadline = Instant::now() + LINGERING_LOCK;
    loop {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(io),
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                let dir = directory.path().to_owned();
                return Err(StorageError::Locked {
                    dir,
                    owner: String::new(),
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn open_error(directory: &Directory, error: Error) -> StorageError {
    match error {
        Error::Io(error) => StorageError::io(directory.path(), "open sled's files", error),
        other => StorageError::Corrupt {
            dir: directory.path().to_owned(),
            what: other.to_string(),
        },
    }
}
