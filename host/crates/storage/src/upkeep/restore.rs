//! Makes a new store of a backup.
//!
//! The whole file is checked before anything is made. What is built is no store before it is
//! complete (`place`): one that was interrupted is never taken for one.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{RoomBatch, RoomKey, Store, UpkeepError, WriteOp};

use super::archive::Entries;
use crate::StorageError;
use crate::alarm::{self, ALARM};
use crate::config::{StorageConfig, open};
use crate::key::{room_of, shown, split};
use crate::upkeep::Tally;
use crate::upkeep::place::Place;

/// Written at once: large enough that syncs do not count, small against any memory.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

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
/// The file is no whole backup, there is something in the directory, the backend keeps nothing, or
/// the disk failed; the directory is as it was.
pub fn restore(file: &Path, dir: &Path, backend: &str) -> Result<RestoreReport, StorageError> {
    if StorageConfig::named(backend, dir)? == StorageConfig::Memory {
        return Err(StorageError::KeepsNothing {
            name: backend.to_owned(),
            durable: StorageConfig::DURABLE,
        });
    }
    for entry in Entries::open(file)? {
        entry?;
    }
    let place = Place::take(dir)?;
    let report = build(file, &place.folder(), backend)?;
    place.complete(backend)?;
    Ok(report)
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
