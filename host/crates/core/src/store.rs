//! Where rooms keep what must survive: the promises a backend makes, one by one.
//!
//! One store serves all rooms of a host. Backends live in the `storage` crate and pass one
//! conformance suite; nothing here leans on any of them.

use bytes::Bytes;

use crate::RoomKey;

/// Position of a committed batch in its store; grows with every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitSeq(pub u64);

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
}

/// One store for all rooms. Calls block the thread: whoever calls decides on which.
pub trait Store: Send + Sync {
    /// Makes batches durable, several rooms with one flush. Each batch is atomic; batches of the
    /// same room are applied in order, and when one fails those after it of the same room fail
    /// too. Returns one result for each batch, in their order, after the flush: `Ok` means that
    /// the batch survives a loss of power.
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>>;

    /// A view on one room's committed state.
    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader>;

    /// Flushes and lets go of files and locks. Commits after it fail.
    ///
    /// # Errors
    /// The last flush failed.
    fn close(&self) -> Result<(), CommitError>;
}
