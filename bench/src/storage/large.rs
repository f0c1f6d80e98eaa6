//! Values of a hundred kilobytes in many rooms: how long reading and replacing one takes, and how
//! much of the store is read for it.

use std::path::Path;
use std::time::{Duration, Instant};

use partykit_core::{RoomBatch, Store, WriteOp};
use partykit_storage::{StorageConfig, open};

use super::commits::room;
use super::read::Read;
use crate::failure::Failure;

const ROOMS: usize = 200;
const VALUES_OF_A_ROOM: usize = 10;
const VALUE_BYTES: usize = 100_000;
const TIMES: usize = 200;

/// Medians.
pub(crate) struct Large {
    pub(crate) read: Duration,
    pub(crate) read_kib: Option<f64>,
    pub(crate) replaced: Duration,
    pub(crate) replaced_kib: Option<f64>,
}

/// Fills a store, opens it anew, and reads and replaces values here and there.
///
/// # Errors
/// Something could not be written or read.
pub(crate) fn measure(backend: &str, dir: &Path) -> Result<Large, Failure> {
    let config = StorageConfig::named(backend, dir)?;
    let store = open(&config)?;
    // One value of each room at a time: not in the order of their keys.
    for value in 0..VALUES_OF_A_ROOM {
        for number in 0..ROOMS {
            put(&*store, number, value)?;
        }
    }
    store.close()?;
    drop(store);

    let store = open(&config)?;
    let (read, read_kib) = median(|time| {
        let key = key(time);
        let found = store.reader(&room(time * 37 % ROOMS)?).get(&key)?;
        match found {
            Some(value) if value.len() == VALUE_BYTES => Ok(()),
            _ => Err("the store does not have what was written".into()),
        }
    })?;
    let (replaced, replaced_kib) =
        median(|time| put(&*store, time * 37 % ROOMS, time % VALUES_OF_A_ROOM))?;
    store.close()?;
    Ok(Large {
        read,
        read_kib,
        replaced,
        replaced_kib,
    })
}

/// Of the time, and the average of what is read each time.
fn median(
    mut work: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<(Duration, Option<f64>), Failure> {
    let (mut took, before) = (Vec::new(), Read::now());
    for time in 0..TIMES {
        let begun = Instant::now();
        work(time)?;
        took.push(begun.elapsed());
    }
    let kib = Read::now().kib_since(before).map(|kib| kib / TIMES as f64);
    took.sort_unstable();
    Ok((took.get(TIMES / 2).copied().unwrap_or_default(), kib))
}

fn key(time: usize) -> String {
    format!("key{:02}", time % VALUES_OF_A_ROOM)
}

fn put(store: &dyn Store, number: usize, value: usize) -> Result<(), Failure> {
    let write = WriteOp::Put {
        key: key(value),
        value: vec![number as u8; VALUE_BYTES].into(),
    };
    let batch = RoomBatch {
        room: room(number)?,
        epoch: 1,
        writes: vec![write],
    };
    for result in store.commit(vec![batch]) {
        result?;
    }
    Ok(())
}
