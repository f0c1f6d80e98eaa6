//! The backends and the committer from outside: the suite that all backends pass, opening and
//! refusing directories, what reaches the disk, what survives a kill.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the lints know test functions, not what they call"
)]

mod backends;
mod committing;
mod crash;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod failing;
mod opening;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod reads;
#[cfg(target_os = "linux")]
mod recorder;
mod restoring;
#[cfg(target_os = "linux")]
mod syncs;
#[cfg(target_os = "linux")]
mod trace;
mod upkeep;

use std::path::Path;
use std::sync::Arc;

use partykit_core::Store;
use partykit_storage::{SledOptions, SqliteOptions, StorageConfig, open};

/// Whether `make test-long` runs.
fn long() -> bool {
    std::env::var_os("PARTYKIT_LONG_TESTS").is_some()
}

fn sled(dir: &Path) -> Arc<dyn Store> {
    open(&StorageConfig::Sled(SledOptions::new(dir))).unwrap()
}

fn sqlite(dir: &Path) -> Arc<dyn Store> {
    open(&StorageConfig::Sqlite(SqliteOptions::new(dir))).unwrap()
}

fn memory() -> Arc<dyn Store> {
    open(&StorageConfig::Memory).unwrap()
}
