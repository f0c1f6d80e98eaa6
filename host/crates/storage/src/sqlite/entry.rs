//! Entries in the database: its tables, and how one entry is written, found and removed in them.
//! Knows no transaction.
//!
//! An entry is a row of `entries`, ordered by its key. A value that is not small lies in a row of
//! `large`, and its entry has the number of that row. For in a tree that is ordered by keys SQLite
//! reads every row that a search passes as a whole, with all of its value, to compare the key;
//! rows of numbers are passed by their numbers. So a search costs what keys cost, whatever the
//! values beside them are.
//!
//! Format 1 had all values in `entries`. Such a database is upgraded when it is opened; values
//! that it has there stay there until they are written anew.

use bytes::Bytes;
use partykit_core::ReadError;
use rusqlite::{Connection, Error, OptionalExtension, Row, ToSql, params};

use crate::key::shown;
use crate::scan::Bounds;

/// Larger values have a row of their own. A row of `entries` with its key then fits into a quarter
/// of a page, which is what SQLite keeps in a node of the tree.
pub(super) const SMALL_BYTES_MAX: usize = 512;

/// WITHOUT ROWID: the table is the index, so a write touches one tree and not two.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        key BLOB PRIMARY KEY NOT NULL,
        sum INTEGER NOT NULL,
        value BLOB NOT NULL,
        large INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS large (
        id INTEGER PRIMARY KEY NOT NULL,
        value BLOB NOT NULL
    ) STRICT";

/// From format 1.
const UPGRADE: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE entries ADD COLUMN large INTEGER;
    CREATE TABLE IF NOT EXISTS large (id INTEGER PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT;
    COMMIT";

/// Which tables a database has: one that is read beside its host may be of format 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    /// Format 1.
    Entries,
    /// Format 2.
    EntriesAndLarge,
}

impl Tables {
    pub(super) fn of(connection: &Connection) -> Result<Self, Error> {
        let sql = "SELECT count(*) FROM pragma_table_info('entries') WHERE name = 'large'";
        let columns: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(match columns {
            0 => Self::Entries,
            _ => Self::EntriesAndLarge,
        })
    }

    /// Where keys, checksums and values are read from.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Entries => "entries AS e",
            Self::EntriesAndLarge => "entries AS e LEFT JOIN large AS l ON l.id = e.large",
        }
    }

    /// The value of an entry. Of one whose row is gone it is empty, which its checksum tells.
    pub(super) fn value(self) -> &'static str {
        match self {
            Self::Entries => "e.value",
            Self::EntriesAndLarge => "coalesce(l.value, e.value)",
        }
    }

    /// Its length, for which the value is not read.
    pub(super) fn value_bytes(self) -> &'static str {
        match self {
            Self::Entries => "length(e.value)",
            Self::EntriesAndLarge => "coalesce(length(l.value), length(e.value))",
        }
    }
}

/// Makes the tables of format 2 of those of format 1, durably; where they are, does nothing.
pub(super) fn upgrade(connection: &Connection) -> Result<(), Error> {
    match Tables::of(connection)? {
        Tables::Entries => connection.execute_batch(UPGRADE),
        Tables::EntriesAndLarge => Ok(()),
    }
}

/// A value and the checksum that was written with it.
pub(super) struct Summed {
    sum: i64,
    value: Bytes,
}

impl Summed {
    /// From the columns of checksum and value, the first of which stands at `column`.
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

/// Of key and value together, so that a value in another's place is noticed too.
fn sum(key: &[u8], value: &[u8]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    i64::from(hasher.finalize())
}

/// Writes one entry with its checksum.
pub(super) fn put(connection: &Connection, key: &[u8], value: &[u8]) -> Result<(), Error> {
    let sum = sum(key, value);
    if value.len() > SMALL_BYTES_MAX {
        return put_large(connection, key, sum, value);
    }
    // What is written most often is found once: a small value in the place of another.
    let sql = "UPDATE entries SET sum = ?2, value = ?3 WHERE key = ?1 AND large IS NULL";
    let replaced = connection
        .prepare_cached(sql)?
        .execute(params![key, sum, value])?;
    if replaced == 0 {
        let sql = "INSERT INTO entries (key, sum, value) VALUES (?1, ?2, ?3)
            ON CONFLICT (key) DO NOTHING";
        let parameters = params![key, sum, value];
        let new = connection.prepare_cached(sql)?.execute(parameters)?;
        if new == 0 {
            remove(connection, key)?;
            connection.prepare_cached(sql)?.execute(parameters)?;
        }
    }
    Ok(())
}

fn put_large(connection: &Connection, key: &[u8], sum: i64, value: &[u8]) -> Result<(), Error> {
    // First, so that the pages of what is replaced are used again.
    remove(connection, key)?;
    let sql = "INSERT INTO large (value) VALUES (?1)";
    let id = connection.prepare_cached(sql)?.insert([value])?;
    let sql = "INSERT INTO entries (key, sum, value, large) VALUES (?1, ?2, x'', ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![key, sum, id]).map(|_| ())
}

/// Removes one entry; one that is not there is no error.
pub(super) fn remove(connection: &Connection, key: &[u8]) -> Result<(), Error> {
    let sql = "DELETE FROM entries WHERE key = ?1 RETURNING large";
    let old = connection
        .prepare_cached(sql)?
        .query_row([key], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    if let Some(id) = old.flatten() {
        let sql = "DELETE FROM large WHERE id = ?1";
        connection.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

/// Removes all entries from `low` up to `high`, which is excluded.
pub(super) fn remove_between(
    connection: &Connection,
    low: &[u8],
    high: &[u8],
) -> Result<(), Error> {
    let sql = "DELETE FROM large WHERE id IN
        (SELECT large FROM entries WHERE key >= ?1 AND key < ?2 AND large IS NOT NULL)";
    connection.prepare_cached(sql)?.execute([low, high])?;
    let sql = "DELETE FROM entries WHERE key >= ?1 AND key < ?2";
    connection.prepare_cached(sql)?.execute([low, high])?;
    Ok(())
}

/// One entry, by its raw key.
pub(super) fn find(
    connection: &Connection,
    tables: Tables,
    key: &[u8],
) -> Result<Option<Summed>, Error> {
    let (value, source) = (tables.value(), tables.source());
    let sql = format!("SELECT e.sum, {value} FROM {source} WHERE e.key = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
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
    tables: Tables,
    bounds: &Bounds,
    count: usize,
) -> Result<Vec<(Vec<u8>, Summed)>, Error> {
    let end = if bounds.high.is_some() {
        "AND e.key < ?3"
    } else {
        ""
    };
    let order = if bounds.reverse { "DESC" } else { "ASC" };
    let (value, source) = (tables.value(), tables.source());
    let sql = format!(
        "SELECT e.key, e.sum, {value} FROM {source}
         WHERE e.key >= ?1 {end} ORDER BY e.key {order} LIMIT ?2"
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
