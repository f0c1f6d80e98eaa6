//! Reading one room while others, or its own last batch, are being committed. Each lookup and each
//! chunk of a range is one read transaction, so it sees whole groups only.

use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Alarm, Entry, Range, ReadError, RoomKey, RoomReader};

use super::entry::{Tables, chunk, find};
use super::shared::Shared;
use crate::alarm;
use crate::key::{VALUE, join, names};
use crate::scan::{Bounds, Scan, user_key};

pub(super) struct SqliteReader {
    /// The room's, as bytes.
    names: Vec<u8>,
    shared: Arc<Shared>,
}

impl SqliteReader {
    pub(super) fn new(room: &RoomKey, shared: Arc<Shared>) -> Self {
        Self {
            names: names(room),
            shared,
        }
    }

    fn prefix(&self) -> Vec<u8> {
        join(&[VALUE], &self.names)
    }

    fn value(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let find = |connection: &_| find(connection, Tables::EntriesAndLarge, key);
        let found = self.shared.read(find)?;
        found.map(|found| found.checked(key)).transpose()
    }
}

impl RoomReader for SqliteReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        self.value(&join(&self.prefix(), key.as_bytes()))
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let shared = self.shared.clone();
        let fetch = move |bounds: &Bounds, count| {
            shared.read(|connection| chunk(connection, Tables::EntriesAndLarge, bounds, count))
        };
        let room = self.prefix();
        let mut failed = false;
        let entries = Scan::new(Bounds::new(&room, range), fetch)
            .map(move |found| {
                let (key, summed) = found?;
                Ok((user_key(&room, &key)?, summed.checked(&key)?))
            })
            .take_while(move |entry: &Result<Entry, _>| {
                !std::mem::replace(&mut failed, entry.is_err())
            });
        match range.limit {
            Some(limit) => Box::new(entries.take(limit as usize)),
            None => Box::new(entries),
        }
    }

    fn alarm(&self) -> Result<Option<Alarm>, ReadError> {
        let key = alarm::record_key(&self.names);
        let record = self.value(&key)?;
        record.map(|record| alarm::read(&key, &record)).transpose()
    }
}
