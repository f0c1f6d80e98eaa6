//! Reading one room while others, or its own last batch, are being committed.
//!
//! sled applies a batch while no single read is running, so one lookup sees all of it or nothing.
//! A value in pieces takes several: when a piece is gone, the value was replaced in between, and
//! the reader begins again with the record. No piece is ever written twice, so what was put
//! together is one value and not a mixture.

use std::sync::Arc;

use ::sled::{Error, IVec, Tree};
use bytes::Bytes;
use partykit_core::{Alarm, Entry, Range, ReadError, RoomKey, RoomReader};

use super::shared::Shared;
use super::value::Head;
use crate::alarm;
use crate::key::{VALUE, join, names, shown};
use crate::scan::{Bounds, Scan, user_key};

pub(super) struct SledReader {
    /// The room's, as bytes.
    names: Vec<u8>,
    shared: Arc<Shared>,
}

impl SledReader {
    pub(super) fn new(room: &RoomKey, shared: Arc<Shared>) -> Self {
        Self {
            names: names(room),
            shared,
        }
    }

    fn prefix(&self) -> Vec<u8> {
        join(&[VALUE], &self.names)
    }
}

impl RoomReader for SledReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        get(&self.shared, &join(&self.prefix(), key.as_bytes()))
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let (room, shared) = (self.prefix(), self.shared.clone());
        let fetch = {
            let shared = self.shared.clone();
            move |bounds: &Bounds, count| shared.read(|tree| chunk(tree, bounds, count))
        };
        let mut failed = false;
        let entries = Scan::new(Bounds::new(&room, range), fetch)
            .filter_map(move |record| entry(&shared, &room, record).transpose())
            .take_while(move |entry| !std::mem::replace(&mut failed, entry.is_err()));
        match range.limit {
            Some(limit) => Box::new(entries.take(limit as usize)),
            None => Box::new(entries),
        }
    }

    fn alarm(&self) -> Result<Option<Alarm>, ReadError> {
        let key = alarm::record_key(&self.names);
        let record = get(&self.shared, &key)?;
        record.map(|record| alarm::read(&key, &record)).transpose()
    }
}

pub(super) fn chunk(
    tree: &Tree,
    bounds: &Bounds,
    count: usize,
) -> Result<Vec<(Vec<u8>, IVec)>, Error> {
    let range = match &bounds.high {
        Some(high) => tree.range(bounds.low.as_slice()..high.as_slice()),
        None => tree.range(bounds.low.as_slice()..),
    };
    let owned = |entry: Result<(IVec, IVec), Error>| entry.map(|(key, head)| (key.to_vec(), head));
    if bounds.reverse {
        range.rev().take(count).map(owned).collect()
    } else {
        range.take(count).map(owned).collect()
    }
}

/// One entry of a range; `None` when it was deleted since its record was read.
fn entry(
    shared: &Shared,
    room: &[u8],
    record: Result<(Vec<u8>, IVec), ReadError>,
) -> Result<Option<Entry>, ReadError> {
    let (key, record) = record?;
    let value = match whole(shared, &key, &record)? {
        Some(value) => Some(value),
        None => get(shared, &key)?,
    };
    value
        .map(|value| Ok((user_key(room, &key)?, value)))
        .transpose()
}

pub(super) fn get(shared: &Shared, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
    let mut before: Option<IVec> = None;
    loop {
        let Some(record) = shared.read(|tree| tree.get(key))? else {
            return Ok(None);
        };
        if let Some(value) = whole(shared, key, &record)? {
            return Ok(Some(value));
        }
        if before.as_ref() == Some(&record) {
            return Err(ReadError::Corrupt(format!(
                "a piece of {} is missing",
                shown(key)
            )));
        }
        before = Some(record);
    }
}

/// The value of a record; `None` when a piece of it is not there any more.
pub(super) fn whole(
    shared: &Shared,
    key: &[u8],
    record: &[u8],
) -> Result<Option<Bytes>, ReadError> {
    match Head::parse(record) {
        Some(Head::Inline(value)) => Ok(Some(value)),
        Some(Head::Pieces(address)) => {
            let found = shared.read(|tree| address.collect(|piece| tree.get(piece)))?;
            let wrong = |found| {
                let text = format!("{} has {found} bytes, not {}", shown(key), address.len);
                ReadError::Corrupt(text)
            };
            found.map(|value| value.map_err(wrong)).transpose()
        }
        None => Err(ReadError::Corrupt(format!(
            "the record of {} is unknown",
            shown(key)
        ))),
    }
}
