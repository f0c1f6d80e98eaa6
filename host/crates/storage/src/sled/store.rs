//! The store itself: opening, committing, closing. See the folder's page for the promises.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::sled::{Batch, Error};
use parking_lot::Mutex;
use partykit_core::{
    BackupReport, CheckReport, CommitError, CommitSeq, Compaction, ReadError, RoomAlarm, RoomBatch,
    RoomKey, RoomReader, Store, StoreStats, UpkeepError,
};

use super::disk::Disk;
use super::plan::plan;
use super::reader::{SledReader, chunk};
use super::shared::{Shared, guarded};
use super::upkeep;
use super::value::META;
use crate::alarm;
use crate::batch::{Applied, Group, only};
use crate::directory::Directory;
use crate::listing;
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
        let (disk, shared) = Disk::open(&directory, options)?;
        let run = begin_run(&directory, &shared)?;
        disk.sync_files(&directory)?;
        directory.mark()?;
        Ok(Self {
            shared: Arc::new(shared),
            writer: Mutex::new(Writer {
                next: run << RUN_SHIFT,
                disk,
                directory: Some(directory),
            }),
            dir: options.dir.clone(),
            free_bytes_min: options.free_bytes_min,
        })
    }

    fn commit_group(&self, mut group: Group) -> Vec<Result<CommitSeq, CommitError>> {
        let mut writer = self.writer.lock();
        let outcome = self.write(&mut writer, &mut group);
        group.results(outcome)
    }

    /// Makes a group durable.
    fn write(&self, writer: &mut Writer, group: &mut Group) -> Result<Applied, CommitError> {
        let first = writer.next;
        let rooms = std::mem::take(&mut group.rooms);
        let planned = self
            .shared
            .with(|tree| guarded(|| plan(tree, first, rooms)));
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
        Ok(Applied::whole(first))
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
        self.commit_group(Group::new(batches))
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(SledReader::new(room, self.shared.clone()))
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        let bounds = alarm::due_bounds(after, until_ms);
        if bounds.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.shared.read(|tree| chunk(tree, &bounds, limit))?;
        found.iter().map(|(key, _)| alarm::listed(key)).collect()
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        listing::rooms(after, limit, |bounds| {
            let first = self.shared.read(|tree| chunk(tree, bounds, 1))?;
            Ok(first.into_iter().next().map(|(key, _)| key))
        })
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
        only(self.commit_group(Group::forgetting(room)))
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

impl Drop for SledStore {
    fn drop(&mut self) {
        // Readers may live on; they must not keep the files of a store that is gone.
        self.shared.end("the store is closed");
    }
}

/// Counts the opening, durably once the files are synced.
fn begin_run(directory: &Directory, shared: &Shared) -> Result<u64, StorageError> {
    let damaged = |what: String| StorageError::Corrupt {
        dir: directory.path().to_owned(),
        what,
    };
    let last = shared
        .read(|tree| tree.get(RUN_KEY))
        .map_err(|error| damaged(error.to_string()))?;
    let run = match last.map(|last| last.as_ref().try_into().map(u64::from_be_bytes)) {
        Some(Ok(last)) => last + 1,
        Some(Err(_)) => return Err(damaged("its count of openings is unreadable".to_owned())),
        None if directory.is_marked() => {
            return Err(damaged("what was in it is gone".to_owned()));
        }
        None => 1,
    };
    let counted = shared.read(|tree| {
        tree.insert(RUN_KEY, &run.to_be_bytes())?;
        tree.flush()
    });
    counted.map_err(|error| {
        let error = std::io::Error::other(error);
        StorageError::io(directory.path(), "count the opening", error)
    })?;
    Ok(run)
}

/// Nothing was written yet.
fn plan_error(error: Error) -> CommitError {
    match error {
        Error::Io(error) => CommitError::Io(error.to_string()),
        other => CommitError::Corrupt(other.to_string()),
    }
}
