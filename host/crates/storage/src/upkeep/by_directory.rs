//! The upkeep of a store that this process does not serve rooms from: by its directory.
//!
//! What only reads works beside a host where the backend allows it (SQLite). Everything else takes
//! the directory for itself, and is refused while a host has it. Nothing is made where there is
//! no store.

use std::path::Path;
use std::sync::Arc;

use partykit_core::{BackupReport, CheckReport, Compaction, Store, StoreStats};

use crate::StorageError;
use crate::config::StorageConfig;
use crate::directory::Directory;
use crate::sqlite::Beside;
use crate::upkeep::archive::{folder_of, missing};
use crate::upkeep::contents::{AtRest, Receiver, give};

/// A store, by the way in which it can be reached.
enum Reached {
    Beside(Beside),
    Owned(Arc<dyn Store>),
}

/// Counts what a store holds.
///
/// # Errors
/// There is no store, it is in use, or it cannot be read.
pub fn stats(dir: &Path) -> Result<StoreStats, StorageError> {
    let stats = match reach(dir)? {
        Reached::Beside(store) => store.stats(),
        Reached::Owned(store) => closing(&*store, |store| store.stats()),
    };
    Ok(stats?)
}

/// Reads everything and looks for damage.
///
/// # Errors
/// There is no store, it is in use, or it cannot be read. Damage that was found is in the report;
/// damage that keeps the store from being opened is an error.
pub fn check(dir: &Path) -> Result<CheckReport, StorageError> {
    let report = match reach(dir)? {
        Reached::Beside(store) => store.check(),
        Reached::Owned(store) => closing(&*store, |store| store.check()),
    };
    Ok(report?)
}

/// Writes a backup.
///
/// # Errors
/// There is no store, it is in use, it cannot be read, or the file exists or cannot be written.
pub fn backup(dir: &Path, file: &Path) -> Result<BackupReport, StorageError> {
    let folder = folder_of(file);
    if !folder.exists() {
        return Err(missing("folder", folder));
    }
    let report = match reach(dir)? {
        Reached::Beside(store) => store.backup(file),
        Reached::Owned(store) => closing(&*store, |store| store.backup(file)),
    };
    Ok(report?)
}

/// Makes a store smaller.
///
/// # Errors
/// There is no store, it is in use, its backend cannot, or the disk failed.
pub fn compact(dir: &Path) -> Result<Compaction, StorageError> {
    let store = crate::open(&existing(dir)?)?;
    Ok(closing(&*store, |store| store.compact())?)
}

/// Gives what a store holds to `receiver`, as of one moment where the backend can read one.
///
/// # Errors
/// There is no store, it is in use, it cannot be read, or the receiver takes no more.
pub fn read<R: Receiver>(dir: &Path, receiver: &mut R) -> Result<(), R::Error> {
    match reach(dir)? {
        Reached::Beside(store) => {
            let given = store.moment(|held| give(held, receiver));
            given.map_err(StorageError::from)?
        }
        Reached::Owned(store) => closing(&*store, |store| give(&AtRest(store), receiver)),
    }
}

/// Opens a store to write into it, or makes a new one: of the backend that is named, else of the
/// one that is there or the default.
///
/// # Errors
/// It is in use, or another backend's, or it keeps nothing.
pub fn open(dir: &Path, backend: Option<&str>) -> Result<Arc<dyn Store>, StorageError> {
    let config = match backend {
        Some(name) => StorageConfig::named(name, dir)?,
        None => StorageConfig::of_directory(dir)?,
    };
    if config == StorageConfig::Memory {
        return Err(StorageError::KeepsNothing {
            name: backend.unwrap_or_default().to_owned(),
            durable: StorageConfig::DURABLE,
        });
    }
    crate::open(&config)
}

fn reach(dir: &Path) -> Result<Reached, StorageError> {
    let config = existing(dir)?;
    if let StorageConfig::Sqlite(options) = &config {
        let folder = options.dir.join("sqlite");
        return Ok(Reached::Beside(Beside::of(&folder)));
    }
    Ok(Reached::Owned(crate::open(&config)?))
}

/// The store that is there, by its marker.
fn existing(dir: &Path) -> Result<StorageConfig, StorageError> {
    let Some(backend) = Directory::backend_of(dir)? else {
        return Err(StorageError::NoStore {
            dir: dir.to_owned(),
        });
    };
    StorageConfig::named(&backend, dir)
}

fn closing<T>(store: &dyn Store, work: impl FnOnce(&dyn Store) -> T) -> T {
    let done = work(store);
    // Nothing was written that would be lost if this fails.
    drop(store.close());
    done
}
