//! The sled backend (0.34.7): how each promise of [`partykit_core::Store`] is kept by an engine
//! that does not make it.
//!
//! What sled does, read in its source. `flush` writes its buffers to the file `db` and waits for
//! `sync_file_range`, which neither flushes the disk's own cache nor makes a grown file's length
//! durable: it is no fsync. A record (a whole tree node or one change of it) above a quarter of a
//! segment, less 20 bytes, becomes a file of its own in `blobs/`, never synced. Nodes hold up to
//! 16 values and are rewritten whole after ten changes, so small values do not help when a node
//! has many of them. `conf` is written at the first opening, `snap.*` at each, the latter synced
//! but not its name.
//!
//! What follows from it, promise by promise:
//! - *Durable when `commit` returns*: after `flush`, `fdatasync` on a descriptor of our own of
//!   `db` (`disk`). No file but `db` is written between opening and closing; what opening writes
//!   is synced, with the directories, before the first commit.
//! - *No unsynced file*: segments of 4 MiB and values in pieces of 16 KiB (`value`) keep the
//!   largest possible node below the limit; a constant assertion holds the arithmetic, a test
//!   looks into `blobs/`.
//! - *Atomic per room*: a whole group is one sled batch. Its log position is not stable before
//!   its last record is, so no space that the group made free is used again before it is synced.
//!   The background flusher is off for the same reason.
//! - *No half value*: the pieces of a value have keys that are never used again; a reader that
//!   misses one knows that the value was replaced and reads again (`reader`).
//! - *Nothing after a failure*: when a write, a flush or a sync fails, the store stops: reads fail
//!   too, because what they would show may not be durable.
//! - *No disk full in the middle*: free space is looked at before a group is begun.
//!
//! sled is called under `catch_unwind`: it asserts where others return errors.

mod disk;
mod plan;
mod reader;
mod shared;
mod store;
mod upkeep;
mod value;

pub(crate) use store::SledStore;
