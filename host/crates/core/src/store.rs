//! Where rooms keep what must survive: the promises a backend makes, one by one.
//!
//! One store serves all rooms of a host. Backends live in the `storage` crate and pass one
//! conformance suite; nothing here leans on any of them.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::RoomKey;

/// Position of a committed batch in its store; grows with every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitSeq(pub u64);

/// A room's one alarm, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// When it is due, in milliseconds since 1970.
    pub at_ms: u64,
    /// How often its handler has failed already; 0 for one that a room has set.
    pub failures: u32,
}

/// An alarm of some room, in a listing over all rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAlarm {
    /// When it is due, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose.
    pub room: RoomKey,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets a value.
    Put {
        /// Where.
        key: String,
        /// What.
        value: Bytes,
    },
    /// Removes a key; one that is not there is no error.
    Delete {
        /// Where.
        key: String,
    },
    /// Removes every key that the room has at this place of the batch; its alarm stays.
    DeleteAll,
    /// Sets the room's alarm in place of the one it has, or forgets it.
    Alarm(Option<Alarm>),
}

/// The writes of one turn of one room: durable together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomBatch {
    /// Whose writes.
    pub room: RoomKey,
    /// Which ownership of the room they were made under; a store shared by several hosts refuses
    /// an outdated one. Always 1 on a single host.
    pub epoch: u64,
    /// In order; a later write to the same key wins.
    pub writes: Vec<WriteOp>,
}

/// Why a batch was not committed, and so what its room must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full. Nothing was written.
    #[error("no space left for the store; free some of the disk, or move its directory")]
    NoSpace,
    /// The batch is larger than the store can take. Nothing was written.
    #[error("a batch of {bytes} bytes is more than the store takes")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The disk failed. Nothing was written.
    #[error("the store could not be written: {0}")]
    Io(String),
    /// The store is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// May or may not be durable: the room must forget what it knows and read again.
    #[error("the store cannot say whether the batch is durable: {0}")]
    Ambiguous(String),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk failed.
    #[error("the store could not be read: {0}")]
    Io(String),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// Which keys, in which order. Keys are compared by their UTF-8 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// First key, included.
    pub start: Option<String>,
    /// Last key, excluded.
    pub end: Option<String>,
    /// Only keys that begin so.
    pub prefix: Option<String>,
    /// From the last to the first.
    pub reverse: bool,
    /// At most so many entries.
    pub limit: Option<u32>,
}

/// A key and its value.
pub type Entry = (String, Bytes);

/// Part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// In the order asked for.
    pub entries: Vec<Entry>,
    /// The key to go on after, when there may be more.
    pub more: Option<String>,
}

/// The committed state of one room. Reads see every batch whose commit has returned.
pub trait RoomReader: Send {
    /// The value of a key.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError>;

    /// The entries of a range, lazily, each as of some moment between this call and its return: a
    /// batch committed meanwhile may be seen in part, a value never. `limit` is respected.
    ///
    /// # Errors
    /// Each item may fail; nothing follows a failed one.
    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send>;

    /// The room's alarm.
    ///
    /// # Errors
    /// The store cannot be read.
    fn alarm(&self) -> Result<Option<Alarm>, ReadError>;
}

/// One store for all rooms. Calls block the thread: whoever calls decides on which.
///
/// What every backend promises, and where it is shown (`conformance` is the suite of the storage
/// crate, `power` its test of lost pages, `crash` its killed processes):
///
/// | promise | shown by |
/// |---|---|
/// | an acknowledged batch survives a loss of power | power, crash |
/// | a batch is there whole or not at all, after any failure | power, crash |
/// | batches of a room are applied in the order of their commits | conformance |
/// | one flush serves a whole group | the count of syncs |
/// | after a failed flush nothing is acknowledged or read before a restart | injected failures |
/// | a reader sees what was committed before it was asked, and never half a value | conformance |
/// | keys are ordered by their bytes, rooms do not see each other | conformance |
/// | one process at a time owns the directory; a newer format is refused and left alone | opening |
///
/// Alarms stand beside values: another kind of record, written in the same batch, and indexed over
/// all rooms by when they are due.
pub trait Store: Send + Sync {
    /// Makes batches durable, several rooms with one flush. Each batch is atomic; batches of the
    /// same room are applied in order, and when one fails those after it of the same room fail
    /// too. Returns one result for each batch, in their order, after the flush: `Ok` means that
    /// the batch survives a loss of power.
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>>;

    /// A view on one room's committed state.
    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader>;

    /// Alarms that are due at `until_ms` or before, in the order of their times and, at the same
    /// time, in an order of the backend's own; those behind `after`, at most `limit`. Costs what it
    /// returns, however many alarms are pending.
    ///
    /// # Errors
    /// The store cannot be read.
    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError>;

    /// Rooms that have stored anything, an alarm included, in an order of the backend's own; those
    /// behind `after`, at most `limit`. Costs a search for each room, not a look at its keys.
    ///
    /// # Errors
    /// The store cannot be read.
    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError>;

    /// Flushes and lets go of files and locks. Commits after it fail.
    ///
    /// # Errors
    /// The last flush failed.
    fn close(&self) -> Result<(), CommitError>;

    /// Forgets everything that a room has stored, its alarm included, durably and at once: after a
    /// loss of power all of it is there or nothing. It has a place among the commits like a batch.
    /// A room that has stored nothing is no error. Takes memory for the room's keys in backends
    /// that cannot delete a range, as [`WriteOp::DeleteAll`] does.
    ///
    /// # Errors
    /// As for a batch.
    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        Err(CommitError::Io(format!(
            "this store cannot delete the room {room}"
        )))
    }

    /// Counts what is stored. Reads every key; commits go on meanwhile and may be counted or not.
    ///
    /// # Errors
    /// The store cannot be read.
    fn stats(&self) -> Result<StoreStats, UpkeepError> {
        Err(UpkeepError::unknown("count what is stored"))
    }

    /// Reads everything and compares it with its checksums and with itself. What is wrong with the
    /// contents is in the report and no error. Commits go on meanwhile where the backend can read
    /// a moment of the past, else they wait.
    ///
    /// # Errors
    /// The check could not be made.
    fn check(&self) -> Result<CheckReport, UpkeepError> {
        Err(UpkeepError::unknown("check itself"))
    }

    /// Gives space that is not used any more back to the file system. Commits wait. Interrupted at
    /// any moment it leaves the store as it was.
    ///
    /// # Errors
    /// The backend cannot, or the disk failed.
    fn compact(&self) -> Result<Compaction, UpkeepError> {
        Err(UpkeepError::unknown("make itself smaller"))
    }

    /// Writes everything that is stored into a new file, as of one moment between this call and its
    /// return, in a format that every backend can restore. The file has its name only when it is
    /// whole and durable. Commits go on meanwhile where the backend can read a moment of the
    /// past, else they wait.
    ///
    /// # Errors
    /// The file exists or cannot be written, or the store cannot be read.
    fn backup(&self, file: &Path) -> Result<BackupReport, UpkeepError> {
        let file = file.display();
        Err(UpkeepError::unknown(&format!("be backed up to {file}")))
    }
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStats {
    /// Name of the backend.
    pub backend: &'static str,
    /// Rooms with at least one key.
    pub rooms: u64,
    /// Of all rooms.
    pub keys: u64,
    /// Pending, of all rooms.
    pub alarms: u64,
    /// Keys and values as rooms wrote them.
    pub content_bytes: u64,
    /// All files of the store.
    pub disk_bytes: u64,
    /// What compacting would give back at least; `None` when the backend cannot tell.
    pub free_bytes: Option<u64>,
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// Rooms with at least one key.
    pub rooms: u64,
    /// Keys that were read.
    pub keys: u64,
    /// Alarms that were read.
    pub alarms: u64,
    /// What is wrong, the first so many of it; empty when all is well.
    pub problems: Vec<String>,
    /// How many more there are.
    pub more_problems: u64,
}

impl CheckReport {
    /// As many are told; who has more restores a backup anyway.
    pub const PROBLEMS_MAX: usize = 20;

    /// Adds a problem, or only counts it.
    pub fn problem(&mut self, text: String) {
        if self.problems.len() < Self::PROBLEMS_MAX {
            self.problems.push(text);
        } else {
            self.more_problems += 1;
        }
    }

    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What compacting has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// All files of the store before.
    pub before_bytes: u64,
    /// And after.
    pub after_bytes: u64,
}

/// What is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// Rooms with at least one key.
    pub rooms: u64,
    /// Of all rooms.
    pub keys: u64,
    /// Pending, of all rooms.
    pub alarms: u64,
    /// Length of the file.
    pub file_bytes: u64,
}

/// Why something that concerns a whole store was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpkeepError {
    /// The backend has no way to do it.
    #[error("the {backend} backend cannot {what}")]
    Unsupported {
        /// Name of the backend.
        backend: &'static str,
        /// What was asked for.
        what: String,
        /// What to do in its place; may be empty.
        instead: &'static str,
    },
    /// There is something already that would be overwritten.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The disk failed.
    #[error("could not {attempt}: {reason}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// What the system said.
        reason: String,
    },
    /// The store is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

impl UpkeepError {
    fn unknown(what: &str) -> Self {
        Self::Unsupported {
            backend: "present",
            what: what.to_owned(),
            instead: "",
        }
    }
}

impl From<ReadError> for UpkeepError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(reason) => Self::Io {
                attempt: "read the store".to_owned(),
                reason,
            },
            ReadError::Corrupt(text) => Self::Corrupt(text),
        }
    }
}
