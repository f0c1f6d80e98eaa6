//! The store itself: opening, committing, closing. See the folder's page for the promises.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use partykit_core::{
    BackupReport, CheckReport, CommitError, CommitSeq, Compaction, ReadError, RoomAlarm, RoomBatch,
    RoomKey, RoomReader, Store, StoreStats, UpkeepError,
};
use rusqlite::{Connection, Error, ErrorCode, Transaction, TransactionBehavior};

use super::database::{self, Writing, is_damage, is_of_a_room, upkeep_error};
use super::entry::{Tables, chunk, first_key};
use super::reader::SqliteReader;
use super::shared::Shared;
use super::upkeep::{self, Beside};
use super::write;
use crate::alarm;
use crate::batch::{Applied, Group, RoomWrites, only};
use crate::directory::Directory;
use crate::listing;
use crate::space::Need;
use crate::{SqliteOptions, StorageError};

/// Each opening begins a range of 2^40 commits, so that the sequence grows from one run to the
/// next without a write for each commit. 16 million openings and a trillion commits in each fit.
const RUN_SHIFT: u32 = 40;

/// The WAL has a group's pages, and then the database too.
const WRITE_AMPLIFICATION: u64 = 2;

/// So many rooms of a group are left out, one after the other, before the rest is written room by
/// room, each with a sync of its own. Damage is mostly of one room or two; many that share a page
/// of small values should not make a group be begun again for each of them.
const LEFT_OUT_MAX: usize = 8;

pub(crate) struct SqliteStore {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    beside: Beside,
    dir: PathBuf,
    free_bytes_min: u64,
}

/// What only one thread at a time may use.
struct Writer {
    next: u64,
    /// None when the store is closed.
    open: Option<(Writing, Directory)>,
}

/// Why a transaction was not committed.
enum Failed {
    /// Because of what was to be written. It was rolled back.
    Work(Error),
    /// Because of something else.
    Store(CommitError),
}

impl From<CommitError> for Failed {
    fn from(error: CommitError) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for CommitError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Work(error) => undone(&error),
            Failed::Store(error) => error,
        }
    }
}

impl SqliteStore {
    pub(crate) fn open(options: &SqliteOptions) -> Result<Self, StorageError> {
        let directory = Directory::claim(&options.dir, "sqlite")?;
        let (writing, run) = Writing::open(&directory, options)?;
        directory.mark()?;
        let file = database::file(&directory.backend_dir());
        Ok(Self {
            shared: Arc::new(Shared::new(file.clone())),
            writer: Mutex::new(Writer {
                next: run << RUN_SHIFT,
                open: Some((writing, directory)),
            }),
            beside: Beside::new(file),
            dir: options.dir.clone(),
            free_bytes_min: options.free_bytes_min,
        })
    }

    fn apply(&self, mut group: Group) -> Vec<Result<CommitSeq, CommitError>> {
        let mut writer = self.writer.lock();
        let outcome = self.write(&mut writer, &mut group);
        group.results(outcome)
    }

    /// Makes a group durable.
    fn write(&self, writer: &mut Writer, group: &mut Group) -> Result<Applied, CommitError> {
        self.check_open()?;
        let mut rooms = std::mem::take(&mut group.rooms);
        let mut refused = BTreeMap::new();
        if rooms.values().any(RoomWrites::grows)
            && let Err(error) = self.space_for(group.bytes)
        {
            // Rooms that only delete are not held back by a disk that is nearly full: that is how
            // it becomes less so.
            rooms.retain(|names, room| {
                let fits = !room.grows();
                if !fits {
                    refused.insert(names.clone(), error.clone());
                }
                fits
            });
        }
        let mut applied = self.write_rooms(writer, group.len(), rooms)?;
        applied.refused.append(&mut refused);
        Ok(applied)
    }

    /// Whether there is enough space on the disk.
    fn space_for(&self, bytes: u64) -> Result<(), CommitError> {
        let need = Need {
            bytes,
            amplification: WRITE_AMPLIFICATION,
            free_bytes_min: self.free_bytes_min,
        };
        need.check(&self.dir)
    }

    /// Writes rooms with one sync. One that cannot be written is left out and the others begun
    /// again: after it has met damage SQLite writes nothing more in that transaction, so there is
    /// no going back within it.
    fn write_rooms(
        &self,
        writer: &mut Writer,
        places: u64,
        mut rooms: BTreeMap<Vec<u8>, RoomWrites>,
    ) -> Result<Applied, CommitError> {
        let mut refused = BTreeMap::new();
        while refused.len() <= LEFT_OUT_MAX {
            let mut at = Vec::new();
            let done = self.transact(writer, places, |transaction| {
                rooms.iter().try_for_each(|(names, room)| {
                    write::room(transaction, names, room).inspect_err(|_| at.clone_from(names))
                })
            });
            match done {
                Ok(first) => return Ok(Applied { first, refused }),
                Err(Failed::Work(error)) if is_of_a_room(&error) => {
                    rooms.remove(&at);
                    refused.insert(at, undone(&error));
                }
                Err(failed) => return Err(failed.into()),
            }
        }
        for (names, room) in &rooms {
            let work = |transaction: &Transaction<'_>| write::room(transaction, names, room);
            if let Err(failed) = self.transact(writer, 0, work) {
                refused.insert(names.clone(), failed.into());
            }
        }
        let first = writer.next;
        writer.next += places;
        Ok(Applied { first, refused })
    }

    /// Runs one transaction, durable when this returns, that takes so many places in the sequence.
    /// Returns the first of them.
    fn transact(
        &self,
        writer: &mut Writer,
        places: u64,
        work: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
    ) -> Result<u64, Failed> {
        self.check_open()?;
        let closed = || CommitError::Io("the store is closed".to_owned());
        let (writing, _) = writer.open.as_mut().ok_or_else(closed)?;
        let begun = TransactionBehavior::Immediate;
        let begun = writing.connection.transaction_with_behavior(begun);
        let transaction = begun.map_err(|error| undone(&error))?;
        // What fails here is rolled back when the transaction is dropped.
        work(&transaction).map_err(Failed::Work)?;
        let committed = transaction.commit();
        if let Err(error) = committed {
            return Err(self.failed_commit(&writing.connection, &error).into());
        }
        // What the WAL has is durable whether it can be copied or not.
        if let Err(error) = writing.checkpoint()
            && must_stop(&error)
        {
            self.stop(&error);
        }
        let first = writer.next;
        writer.next += places;
        Ok(first)
    }

    fn failed_commit(&self, connection: &Connection, error: &Error) -> CommitError {
        // Without its last frame a transaction does not count, whatever happens later.
        if is_full(error) && connection.is_autocommit() {
            return CommitError::NoSpace;
        }
        self.stop(error);
        CommitError::Ambiguous(error.to_string())
    }

    fn stop(&self, error: &Error) {
        self.shared.end(&format!(
            "the store stopped when a write failed ({error}); free the cause and restart"
        ));
    }

    /// What reads the whole store, while it may be used.
    fn usable(&self) -> Result<&Beside, UpkeepError> {
        match self.shared.ended() {
            None => Ok(&self.beside),
            Some(reason) => Err(upkeep::ended(reason)),
        }
    }

    fn check_open(&self) -> Result<(), CommitError> {
        self.shared
            .ended()
            .map_or(Ok(()), |reason| Err(CommitError::Io(reason)))
    }
}

impl Store for SqliteStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        self.apply(Group::new(batches))
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(SqliteReader::new(room, self.shared.clone()))
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        let bounds = alarm::due_bounds(after, until_ms);
        let found = self
            .shared
            .read(|connection| chunk(connection, Tables::EntriesAndLarge, &bounds, limit))?;
        let alarms = found.into_iter().map(|(key, summed)| {
            summed.checked(&key)?;
            alarm::listed(&key)
        });
        alarms.collect()
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        listing::rooms(after, limit, |bounds| {
            self.shared.read(|connection| first_key(connection, bounds))
        })
    }

    fn close(&self) -> Result<(), CommitError> {
        let mut writer = self.writer.lock();
        self.shared.end("the store is closed");
        let Some((writing, directory)) = writer.open.take() else {
            return Ok(());
        };
        // Copies the WAL into the database, when nobody else reads it.
        let closed = writing.connection.close();
        drop(directory);
        closed.map_err(|(_, error)| CommitError::Io(error.to_string()))
    }

    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        only(self.apply(Group::forgetting(room)))
    }

    fn stats(&self) -> Result<StoreStats, UpkeepError> {
        self.usable()?.stats()
    }

    fn check(&self) -> Result<CheckReport, UpkeepError> {
        self.usable()?.check()
    }

    fn compact(&self) -> Result<Compaction, UpkeepError> {
        let writer = self.writer.lock();
        self.usable()?;
        let Some((writing, directory)) = &writer.open else {
            return Err(upkeep::ended("the store is closed".to_owned()));
        };
        let compacted = upkeep::compact(&writing.connection, directory);
        compacted.map_err(|error| {
            if must_stop(&error) {
                self.stop(&error);
            }
            upkeep_error("rewrite the database")(error)
        })
    }

    fn backup(&self, file: &Path) -> Result<BackupReport, UpkeepError> {
        self.usable()?.backup(file)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Readers may live on; they must not keep the files of a store that is gone.
        self.shared.end("the store is closed");
    }
}

/// Of something that fails before COMMIT: the transaction is rolled back.
fn undone(error: &Error) -> CommitError {
    if is_full(error) {
        CommitError::NoSpace
    } else if is_damage(error) {
        CommitError::Corrupt(error.to_string())
    } else {
        CommitError::Io(error.to_string())
    }
}

/// Whether an error of something other than a batch means that writing must end: the disk fails.
/// A full disk and a reader in the way are no such reasons.
fn must_stop(error: &Error) -> bool {
    let harmless = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    !harmless
}

fn is_full(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
