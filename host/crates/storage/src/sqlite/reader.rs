//! Reading one room while others, or its own last batch, are being committed. Each lookup and each
//! chunk of a range is one read transaction, so it sees whole groups only.

use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Entry, Range, ReadError, RoomKey, RoomReader};
use rusqlite::{Connection, Error, OptionalExtension, Row, ToSql};

use super::database::sum;
use super::shared::Shared;
use crate::key::{VALUE, join, room_prefix, shown};
use crate::scan::{Bounds, Scan, user_key};

pub(super) struct SqliteReader {
    room: Vec<u8>,
    shared: Arc<Shared>,
}

impl SqliteReader {
    pub(super) fn new(room: &RoomKey, shared: Arc<Shared>) -> Self {
        Self {
            room: room_prefix(VALUE, room),
            shared,
        }
    }
}

impl RoomReader for SqliteReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        let key = join(&self.room, key.as_bytes());
        let found = self.shared.read(|connection| {
            let sql = "SELECT sum, value FROM entries WHERE key = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            statement
                .query_row([&key], |row| Summed::read(row, 0))
                .optional()
        })?;
        found.map(|found| found.checked(&key)).transpose()
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let shared = self.shared.clone();
        let fetch = move |bounds: &Bounds, count| {
            shared.read(|connection| chunk(connection, bounds, count))
        };
        let room = self.room.clone();
        let mut failed = false;
        let entries = Scan::new(Bounds::new(&self.room, range), fetch)
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

fn chunk(
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
