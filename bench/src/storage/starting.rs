//! A store with a million keys: how long it takes to open it and to read the first of them.

use std::path::Path;
use std::time::{Duration, Instant};

use partykit_core::{RoomBatch, Store, WriteOp};
use partykit_storage::{StorageConfig, open};

use super::commits::room;
use super::read::Read;
use crate::failure::Failure;

const ROOMS: usize = 1000;
const VALUE_BYTES: usize = 100;
/// Rooms that are written at once while the store is filled.
const ROOMS_OF_A_GROUP: usize = 10;

/// What opening took.
pub(crate) struct Starting {
    pub(crate) fill: Duration,
    pub(crate) disk_bytes: u64,
    pub(crate) open: Duration,
    pub(crate) open_kib: Option<f64>,
    pub(crate) first_read: Duration,
    pub(crate) first_read_kib: Option<f64>,
}

/// Fills a store with so many keys, closes it, and opens it.
///
/// # Errors
/// Something could not be written or read.
pub(crate) fn measure(backend: &str, dir: &Path, keys: usize) -> Result<Starting, Failure> {
    let config = StorageConfig::named(backend, dir)?;
    let begun = Instant::now();
    let store = open(&config)?;
    for first in (0..ROOMS).step_by(ROOMS_OF_A_GROUP) {
        fill(&*store, first, keys / ROOMS)?;
    }
    store.close()?;
    drop(store);
    let fill = begun.elapsed();

    let (begun, before) = (Instant::now(), Read::now());
    let store = open(&config)?;
    let (opened, after) = (begun.elapsed(), Read::now());
    let open_kib = after.kib_since(before);
    let (begun, before) = (Instant::now(), after);
    let found = store.reader(&room(ROOMS / 2)?).get("key000007")?;
    let first_read = begun.elapsed();
    let first_read_kib = Read::now().kib_since(before);
    if found.is_none_or(|value| value.len() != VALUE_BYTES) {
        return Err("the store does not have what was written".into());
    }
    let disk_bytes = store.stats()?.disk_bytes;
    store.close()?;
    Ok(Starting {
        fill,
        disk_bytes,
        open: opened,
        open_kib,
        first_read,
        first_read_kib,
    })
}

fn fill(store: &dyn Store, first: usize, keys: usize) -> Result<(), Failure> {
    let mut batches = Vec::new();
    for number in first..first + ROOMS_OF_A_GROUP {
        let writes = (0..keys).map(|key| WriteOp::Put {
            key: format!("key{key:06}"),
            value: vec![key as u8; VALUE_BYTES].into(),
        });
        batches.push(RoomBatch {
            room: room(number)?,
            epoch: 1,
            writes: writes.collect(),
        });
    }
    for result in store.commit(batches) {
        result?;
    }
    Ok(())
}
