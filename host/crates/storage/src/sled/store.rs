//! The store itself: opening, committing, closing. See the folder's page for the promises.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::sled::{Batch, Error, Tree};
use parking_lot::Mutex;
use partykit_core::{
    BackupReport, CheckReport, CommitError, CommitSeq, Compaction, RoomBatch, RoomKey, RoomReader,
    Store, StoreStats, UpkeepError,
};

use super::disk::Disk;
use super::reader::SledReader;
use super::shared::{Shared, guarded};
use super::upkeep;
use super::value::{Address, Head, META, PIECE_BYTES, inline};
use crate::batch::{Group, Written};
use crate::directory::Directory;
use crate::key::{VALUE, room_prefix};
use crate::space::Need;
use crate::{SledOptions, StorageError};

/// How often the store was opened, eight bytes; there since its creation.
const RUN_KEY: [u8; 4] = [META, b'r', b'u', b'n'];

/// Each opening begins a range of 2^40 commits, so that the sequence grows from one run to the
/// next without a write for each commit. 16 million openings and a trillion commits in each fit.
const RUN_SHIFT: u32 = 40;

/// How much more than its own bytes a group may write: records, consolidated nodes, padding.
const WRITE_AMPLIFICATION: u64 = 4;

pub(crate) struct SledStore {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    dir: PathBuf,
    free_bytes_min: u64,
}

/// What only one thread at a time may use.
struct Writer {
    next: u64,
    disk: Disk,
    /// Dropped when the store is closed, after sled's files.
    directory: Option<Directory>,
}

impl SledStore {
    pub(crate) fn open(options: &SledOptions) -> Result<Self, StorageError> {
        let directory = Directory::claim(&options.dir, "sled")?;
        let (disk, tree) = Disk::open(&directory, options)?;
        let run = begin_run(&directory, &tree)?;
        disk.sync_files(&directory)?;
        directory.mark()?;
        Ok(Self {
            shared: Arc::new(Shared::new(tree)),
            writer: Mutex::new(Writer {
                next: run << RUN_SHIFT,
                disk,
                directory: Some(directory),
            }),
            dir: options.dir.clone(),
            free_bytes_min: options.free_bytes_min,
        })
    }

    /// Makes a group durable and returns the number of its first batch.
    fn write(&self, writer: &mut Writer, group: &mut Group) -> Result<u64, CommitError> {
        let first = writer.next;
        let writes = std::mem::take(&mut group.writes);
        let planned = self
            .shared
            .with(|tree| guarded(|| plan(tree, first, writes)));
        let batch = planned.map_err(CommitError::Io)?.map_err(plan_error)?;
        if let Some(batch) = batch {
            let need = Need {
                bytes: group.bytes,
                amplification: WRITE_AMPLIFICATION,
                free_bytes_min: self.free_bytes_min,
            };
            need.check(&self.dir)?;
            self.apply(writer, batch)?;
        }
        writer.next += group.len();
        Ok(first)
    }

    fn apply(&self, writer: &Writer, batch: Batch) -> Result<(), CommitError> {
        let applied = self.shared.with(|tree| {
            guarded(|| {
                tree.apply_batch(batch)?;
                tree.flush()
            })
        });
        let applied = applied.map_err(CommitError::Io)?;
        let synced = applied.and_then(|_| writer.disk.sync().map_err(Error::Io));
        synced.map_err(|error| {
            self.shared.end(&format!(
                "the store stopped when a write failed ({error}); free the cause and restart"
            ));
            CommitError::Ambiguous(error.to_string())
        })
    }
}

impl Store for SledStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        let mut group = Group::new(VALUE, batches);
        let mut writer = self.writer.lock();
        let outcome = self.write(&mut writer, &mut group);
        group.results(outcome)
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(SledReader::new(room, self.shared.clone()))
    }

    fn close(&self) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        // Opening and reading also move things in the tree; nothing of it needs to survive, but
        // flushed it makes the next opening quicker.
        let flushed = self.shared.with(|tree| guarded(|| tree.flush()));
        let synced = match flushed {
            Ok(flushed) => flushed.and_then(|_| writer.disk.sync().map_err(Error::Io)),
            Err(_) => Ok(()),
        };
        self.shared.end("the store is closed");
        writer.directory = None;
        synced.map_err(|error| CommitError::Io(error.to_string()))
    }

    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        let mut writer = self.writer.lock();
        let keys = self.shared.keys(&room_prefix(VALUE, room));
        let keys = keys.map_err(|error| CommitError::Io(error.to_string()))?;
        let mut group = Group::new(VALUE, vec![empty(room)]);
        group.writes = keys.into_iter().map(|key| (key, None)).collect();
        let first = self.write(&mut writer, &mut group)?;
        Ok(CommitSeq(first))
    }

    fn stats(&self) -> Result<StoreStats, UpkeepError> {
        upkeep::stats(&self.shared, &self.dir)
    }

    fn check(&self) -> Result<CheckReport, UpkeepError> {
        // sled cannot read a moment of the past: nothing is committed meanwhile.
        let _writer = self.writer.lock();
        upkeep::check(&self.shared)
    }

    fn compact(&self) -> Result<Compaction, UpkeepError> {
        Err(UpkeepError::Unsupported {
            backend: "sled",
            what: "make its files smaller".to_owned(),
            instead: "back the store up and restore it into a new directory",
        })
    }

    fn backup(&self, file: &Path) -> Result<BackupReport, UpkeepError> {
        let _writer = self.writer.lock();
        upkeep::backup(&self.shared, file)
    }
}

/// A batch that only takes a place in the sequence.
fn empty(room: &RoomKey) -> RoomBatch {
    RoomBatch {
        room: room.clone(),
        epoch: 1,
        writes: Vec::new(),
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // Readers may live on; they must not keep the files of a store that is gone.
        self.shared.end("the store is closed");
    }
}

/// Counts the opening, durably once the files are synced.
fn begin_run(directory: &Directory, tree: &Tree) -> Result<u64, StorageError> {
    let damaged = |what: String| StorageError::Corrupt {
        dir: directory.path().to_owned(),
        what,
    };
    let last = guarded(|| tree.get(RUN_KEY)).map_err(|error| damaged(error.to_string()))?;
    let run = match last.map(|last| last.as_ref().try_into().map(u64::from_be_bytes)) {
        Some(Ok(last)) => last + 1,
        Some(Err(_)) => return Err(damaged("its count of openings is unreadable".to_owned())),
        None if directory.is_marked() => {
            return Err(damaged("what was in it is gone".to_owned()));
        }
        None => 1,
    };
    let counted = guarded(|| {
        tree.insert(RUN_KEY, &run.to_be_bytes())?;
        tree.flush()
    });
    counted.map_err(|error| {
        let error = std::io::Error::other(error);
        StorageError::io(directory.path(), "count the opening", error)
    })?;
    Ok(run)
}

/// The writes of a group as one sled batch: records, pieces, and the pieces of what they replace.
fn plan(
    tree: &Tree,
    commit: u64,
    writes: BTreeMap<Vec<u8>, Written>,
) -> Result<Option<Batch>, Error> {
    let mut batch = Batch::default();
    let mut empty = true;
    for (place, (key, written)) in writes.into_iter().enumerate() {
        let old = tree.get(&key)?;
        if old.is_none() && written.is_none() {
            continue;
        }
        empty = false;
        if let Some(Some(Head::Pieces(address))) = old.map(|record| Head::parse(&record)) {
            address.piece_keys().for_each(|piece| batch.remove(piece));
        }
        match written {
            None => batch.remove(key),
            Some(value) if value.len() <= PIECE_BYTES => batch.insert(key, inline(&value)),
            Some(value) => {
                let address = Address {
                    commit,
                    place: place as u64,
                    len: value.len() as u64,
                };
                for (piece, bytes) in address.piece_keys().zip(value.chunks(PIECE_BYTES)) {
                    batch.insert(piece, bytes);
                }
                batch.insert(key, address.record());
            }
        }
    }
    Ok((!empty).then_some(batch))
}

/// Nothing was written yet.
fn plan_error(error: Error) -> CommitError {
    match error {
        Error::Io(error) => CommitError::Io(error.to_string()),
        other => CommitError::Corrupt(other.to_string()),
    }
}
