//! Reading one room while others, or its own last batch, are being committed. Each lookup and each
//! chunk of a range is one read transaction, so it sees whole groups only.

use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Alarm, Entry, Range, ReadError, RoomKey, RoomReader};
use rusqlite::{Connection, Error, OptionalExtension, Row, ToSql};

use super::database::sum;
use super::shared::Shared;
use crate::alarm;
use crate::key::{VALUE, join, names, shown};
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
        let found = self.shared.read(|connection| find(connection, key))?;
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
            shared.read(|connection| chunk(connection, bounds, count))
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

/// A value and the checksum that was written with it.
pub(super) struct Summed {
    sum: i64,
    value: Bytes,
}

impl Summed {
    /// From the columns `sum` and `value`, the first of which stands at `column`.
    pub(super) fn read(row: &Row<'_>, column: usize) -> Result<Self, Error> {
        let value = row.get_ref(column + 1)?.as_blob()?;
        Ok(Self {
            sum: row.get(column)?,
            value: Bytes::copy_from_slice(value),
        })
    }

    /// The value, when it is the one that was written under this key.
    pub(super) fn checked(self, key: &[u8]) -> Result<Bytes, ReadError> {
        if sum(key, &self.value) == self.sum {
            Ok(self.value)
        } else {
            let text = format!("the value of {} does not fit its checksum", shown(key));
            Err(ReadError::Corrupt(text))
        }
    }
}

/// One entry, by its raw key.
pub(super) fn find(connection: &Connection, key: &[u8]) -> Result<Option<Summed>, Error> {
    let sql = "SELECT sum, value FROM entries WHERE key = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row([key], |row| Summed::read(row, 0))
        .optional()
}

/// The first key within bounds; its value is not read.
pub(super) fn first_key(
    connection: &Connection,
    bounds: &Bounds,
) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT key FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    // Keys of one kind are asked for, and there is always something behind a kind.
    let high = bounds.high.as_deref().unwrap_or_default();
    statement
        .query_row([&bounds.low[..], high], |row| row.get(0))
        .optional()
}

/// Entries within bounds, in their order.
pub(super) fn chunk(
    connection: &Connection,
    bounds: &Bounds,
    count: usize,
) -> Result<Vec<(Vec<u8>, Summed)>, Error> {
    let end = if bounds.high.is_some() {
        "AND key < ?3"
    } else {
        ""
    };
    let order = if bounds.reverse { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT key, sum, value FROM entries WHERE key >= ?1 {end} ORDER BY key {order} LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut parameters: Vec<&dyn ToSql> = vec![&bounds.low, &count];
    if let Some(high) = &bounds.high {
        parameters.push(high);
    }
    let rows = statement.query_map(&*parameters, |row| Ok((row.get(0)?, Summed::read(row, 1)?)))?;
    rows.collect()
}
