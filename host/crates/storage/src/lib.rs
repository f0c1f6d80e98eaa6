//! Backends behind [`partykit_core::Store`], and the thread that commits for all rooms.
//!
//! The map: [`open`] picks a backend by its configuration. `memory` keeps nothing, `sled` and
//! `sqlite` keep everything in a directory. `directory` guards that directory: one owner, one
//! format. `key`, `alarm`, `batch`, `scan`, `listing` and `space` are what backends share: how
//! rooms, keys and alarms become bytes, what a group of batches comes to, how a range and all rooms
//! are read, whether the disk has room. [`Committer`] collects the batches of many rooms into one
//! `Store::commit`. [`upkeep`] is what an operator does: counting, checking, backups.
//!
//! Backends are public as nothing but a configuration; what they promise is written at
//! [`partykit_core::Store`], how they keep it at each backend. Only this crate names a storage
//! engine, and each engine is named in one folder.

mod alarm;
mod batch;
mod committer;
mod config;
mod directory;
mod error;
mod key;
mod listing;
mod memory;
mod scan;
mod sled;
mod space;
mod sqlite;
pub mod upkeep;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
mod faulty;

pub use committer::{CommitLane, Committer, OnDone};
pub use config::{SledOptions, SqliteOptions, StorageConfig, open};
pub use error::StorageError;
#[cfg(feature = "testing")]
pub use faulty::{Fault, FaultyStore};
