//! The SQLite backend: how each promise of [`partykit_core::Store`] is kept.
//!
//! One database: raw keys (see `key` and `alarm`), checksums, values (see `entry`). WAL mode, one
//! writing connection for the committing thread, a few reading ones for everybody else.
//!
//! - *Durable when `commit` returns*: a group is one transaction, `synchronous=FULL` syncs the WAL
//!   before COMMIT returns, and SQLite syncs the folder when it has made a WAL. Schema and folders
//!   are synced before the store is marked as made.
//! - *Atomic per room*: the transaction.
//! - *A reader sees what was committed*: each read begins a new read transaction.
//! - *Nothing after a failure*: SQLite is not asked to write again once a COMMIT has failed for
//!   another reason than a full disk: the kernel may have dropped the pages of a failed sync and
//!   report success the next time. The store stops; reads fail too. Closing copies what was
//!   acknowledged, and synced, before.
//! - *Nothing visible that is not durable after a restart*: opening copies all of the WAL into
//!   the database and syncs that before it commits anything. Frames that a failed sync has left
//!   in the kernel's memory alone would otherwise stand before acknowledged ones.
//! - *A full disk* leaves the transaction undone: its last frame is missing, so the WAL does not
//!   count it. Space is looked at before, so that this is rare.
//! - *Damage is noticed*: each value has a checksum, since SQLite has none for its pages; damage
//!   of one room's pages does not keep others from being read, nor from being written: a group that
//!   meets it is rolled back and begun again without that room.
//!
//! The WAL is copied into the database by the committing thread when it has grown to
//! `checkpoint_bytes`. A reading transaction that stays open (a backup) keeps it from being begun
//! anew, so that it grows meanwhile.
//!
//! No file of the database may be opened and closed by anybody but SQLite while it is open: POSIX
//! takes away all locks of a process on a file when it closes any descriptor of it.

mod database;
mod entry;
mod moment;
pub(crate) mod partykit_room;
mod reader;
mod shared;
mod store;
mod upkeep;
mod write;

pub(crate) use store::SqliteStore;
pub(crate) use upkeep::Beside;
