//! Makes a new store of a backup.
//!
//! The whole file is checked before anything is made. The store is built beside its place and
//! gets its name when it is complete: one that was interrupted is never taken for a store.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{RoomBatch, RoomKey, Store, UpkeepError, WriteOp};

use super::archive::Entries;
use crate::StorageError;
use crate::alarm::{self, ALARM};
use crate::config::{StorageConfig, open};
use crate::directory::{Directory, sync_directory};
use crate::key::{room_of, shown, split};
use crate::upkeep::Tally;

/// Written at once: large enough that syncs do not count, small against any memory.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// While it is not complete.
const SUFFIX: &str = ".restoring";

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreReport {
    /// Rooms with at least one key.
    pub rooms: u64,
    /// Of all rooms.
    pub keys: u64,
    /// Pending, of all rooms.
    pub alarms: u64,
    /// Keys and values as rooms wrote them.
    pub content_bytes: u64,
}

/// Makes a store in `dir` of a backup, with the backend of that name. The directory must be empty
/// or not exist. Durable when this returns.
///
/// # Errors
/// The file is no whole backup, there is something in the directory, or the disk failed; the
/// directory is as it was.
pub fn restore(file: &Path, dir: &Path, backend: &str) -> Result<RestoreReport, StorageError> {
    for entry in Entries::open(file)? {
        entry?;
    }
    refuse_what_is_there(dir)?;
    let building = beside(dir);
    // What an interrupted one has left; one that runs has locked it.
    Directory::discard(&building)?;
    let report = build(file, &building, backend).inspect_err(|_| {
        drop(Directory::discard(&building));
    })?;
    let io = |attempt| move |source| StorageError::io(dir, attempt, source);
    fs::rename(&building, dir).map_err(io("give the restored store its name"))?;
    sync_directory(parent(dir)).map_err(io("sync the folder of the store"))?;
    Ok(report)
}

fn refuse_what_is_there(dir: &Path) -> Result<(), StorageError> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::io(dir, "look into the directory", error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(StorageError::NotEmpty {
                dir: dir.to_owned(),
            }),
        },
    }
}

fn build(file: &Path, dir: &Path, backend: &str) -> Result<RestoreReport, StorageError> {
    let store = open(&StorageConfig::named(backend, dir)?)?;
    let filled = fill(&store, file);
    let closed = store.close();
    let tally = filled?;
    closed.map_err(|error| failed(error.to_string()))?;
    Ok(RestoreReport {
        rooms: tally.rooms,
        keys: tally.keys,
        alarms: tally.alarms,
        content_bytes: tally.bytes,
    })
}

fn fill(store: &Arc<dyn Store>, file: &Path) -> Result<Tally, StorageError> {
    let mut tally = Tally::default();
    let (mut batches, mut bytes) = (Vec::new(), 0);
    for entry in Entries::open(file)? {
        let (raw, value) = entry?;
        bytes += raw.len() + value.len();
        match raw.first() {
            Some(&ALARM) => tally.alarms += 1,
            _ => drop(tally.add(&raw, value.len() as u64)),
        }
        let Some((room, write)) = parse(&raw, value) else {
            return Err(StorageError::DamagedBackup {
                file: file.to_owned(),
                what: format!("the key {} is of no room", shown(&raw)),
            });
        };
        push(&mut batches, room, write);
        if bytes >= GROUP_BYTES {
            commit(store, std::mem::take(&mut batches))?;
            bytes = 0;
        }
    }
    commit(store, batches)?;
    Ok(tally)
}

fn push(batches: &mut Vec<RoomBatch>, room: RoomKey, write: WriteOp) {
    match batches.last_mut() {
        Some(last) if last.room == room => last.writes.push(write),
        _ => batches.push(RoomBatch {
            room,
            epoch: 1,
            writes: vec![write],
        }),
    }
}

fn commit(store: &Arc<dyn Store>, batches: Vec<RoomBatch>) -> Result<(), StorageError> {
    for result in store.commit(batches) {
        result.map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

fn parse(raw: &[u8], value: Bytes) -> Option<(RoomKey, WriteOp)> {
    let (prefix, key) = split(raw)?;
    let (kind, names) = prefix.split_first()?;
    let room = room_of(names)?;
    let write = match *kind {
        ALARM => WriteOp::Alarm(Some(alarm::parse(&value)?)),
        _ => WriteOp::Put {
            key: std::str::from_utf8(key).ok()?.to_owned(),
            value,
        },
    };
    Some((room, write))
}

fn failed(reason: String) -> StorageError {
    StorageError::Upkeep(UpkeepError::Io {
        attempt: "write the restored store".to_owned(),
        reason,
    })
}

fn beside(dir: &Path) -> PathBuf {
    let mut name: OsString = dir.file_name().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    dir.with_file_name(name)
}

fn parent(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
