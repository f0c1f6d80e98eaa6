//! The database file: making it, opening it, and what its errors mean. Owns every pragma. Knows no
//! batch and no room.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use partykit_core::{ReadError, UpkeepError};
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::entry::{self, SCHEMA};
use crate::directory::{Directory, sync_files};
use crate::{SqliteOptions, StorageError};

const FILE: &str = "store.db";

/// `pkst`: says in the header whose database it is.
const APPLICATION_ID: i32 = 0x706b_7374;

/// How often the store was opened, eight bytes; there since its creation.
const RUN_KEY: [u8; 4] = *b"mrun";

/// Others hold locks for moments only, but for a backup.
const BUSY: Duration = Duration::from_secs(5);

/// Memory of a reading connection for pages. The kernel has them too.
const READER_CACHE_KIB: i64 = 1024;

/// Where the database of a store lies.
pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// The connection that writes, and the count of pages in the WAL after its last commit.
pub(super) struct Writing {
    pub(super) connection: Connection,
    wal_pages: Arc<AtomicU32>,
    checkpoint_pages: u32,
}

impl Writing {
    /// Makes the database where there is none, and opens it. Returns the number of this opening.
    pub(super) fn open(
        directory: &Directory,
        options: &SqliteOptions,
    ) -> Result<(Self, u64), StorageError> {
        let path = file(&directory.backend_dir());
        let failed = |error| open_error(directory, error);
        if directory.is_marked() {
            if !path.is_file() {
                return Err(damaged(directory, "its database is gone".to_owned()));
            }
        } else {
            // Closed again before its files are synced, see the folder's page.
            create(&path).map_err(failed)?;
            sync_files(&directory.backend_dir())
                .map_err(|error| StorageError::io(directory.path(), "sync the database", error))?;
        }
        let connection = connect(&path).map_err(failed)?;
        prepare_writer(&connection, options).map_err(failed)?;
        entry::upgrade(&connection).map_err(failed)?;
        let run = begin_run(directory, &connection)?;
        let mut writing = Self {
            connection,
            wal_pages: Arc::default(),
            checkpoint_pages: pages(options.checkpoint_bytes),
        };
        writing.count_wal_pages().map_err(failed)?;
        Ok((writing, run))
    }

    fn count_wal_pages(&mut self) -> Result<(), Error> {
        let pages = self.wal_pages.clone();
        self.connection.wal_hook(Some(move |_: &mut Wal, in_wal| {
            pages.store(u32::try_from(in_wal).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Copies the WAL into the database when it has grown enough. What fails here is tried again
    /// after a later commit: the pages are then written anew, so a sync that reports success after
    /// a failed one has something to report on.
    pub(super) fn checkpoint(&self) -> Result<(), Error> {
        if self.wal_pages.load(Ordering::Relaxed) < self.checkpoint_pages {
            return Ok(());
        }
        let passive = CheckpointMode::PASSIVE;
        let copied = self.connection.wal_checkpoint_v2(None::<&str>, passive);
        copied.map(|_| ())
    }
}

/// SQLite's default page size, and a frame's header.
fn pages(bytes: u64) -> u32 {
    u32::try_from(bytes / (4096 + 24))
        .unwrap_or(u32::MAX)
        .max(1)
}

fn create(path: &Path) -> Result<(), Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    wal_mode(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA}; PRAGMA application_id = {APPLICATION_ID}; COMMIT"
    ))?;
    // Where making one of format 1 was interrupted.
    entry::upgrade(&connection)?;
    if run(&connection)?.is_none() {
        write_run(&connection, 0)?;
    }
    connection.close().map_err(|(_, error)| error)
}

/// Not READ_ONLY for readers either: to read a WAL its index must be written.
pub(super) fn connect(path: &Path) -> Result<Connection, Error> {
    // Each connection is used by one thread at a time, so it needs no mutex of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if found != APPLICATION_ID {
        return Err(corrupt("its database was made by another program"));
    }
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path)?;
    // Whoever closes the database last writes the WAL into it: with a sync, whoever that is.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn prepare_writer(connection: &Connection, options: &SqliteOptions) -> Result<(), Error> {
    wal_mode(connection)?;
    let synchronous = if options.syncs { "FULL" } else { "OFF" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Where there is a stronger sync than fsync (macOS), it is meant.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    let cache_kib = i64::try_from(options.cache_bytes / 1024).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // What a large group has made of the WAL is given back once it is copied.
    let limit = i64::try_from(options.checkpoint_bytes.saturating_mul(4)).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    let truncate = CheckpointMode::TRUNCATE;
    connection
        .wal_checkpoint_v2(None::<&str>, truncate)
        .map(|_| ())
}

fn wal_mode(connection: &Connection) -> Result<(), Error> {
    let set = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", set)?;
    if mode == "wal" {
        Ok(())
    } else {
        let text = format!("the file system keeps SQLite from using a WAL (mode {mode})");
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        Err(Error::SqliteFailure(code, Some(text)))
    }
}

/// Counts the opening, durably when this returns.
fn begin_run(directory: &Directory, connection: &Connection) -> Result<u64, StorageError> {
    let failed = |error| open_error(directory, error);
    let Some(last) = run(connection).map_err(failed)? else {
        return Err(damaged(directory, "what was in it is gone".to_owned()));
    };
    write_run(connection, last + 1).map_err(failed)?;
    Ok(last + 1)
}

fn run(connection: &Connection) -> Result<Option<u64>, Error> {
    let select = "SELECT value FROM entries WHERE key = ?1";
    let found = connection.query_row(select, [&RUN_KEY[..]], |row| row.get::<_, [u8; 8]>(0));
    match found {
        Ok(run) => Ok(Some(u64::from_be_bytes(run))),
        Err(Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_run(connection: &Connection, run: u64) -> Result<(), Error> {
    let value = run.to_be_bytes();
    entry::put(connection, &RUN_KEY, &value)
}

fn corrupt(text: &str) -> Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Error::SqliteFailure(code, Some(text.to_owned()))
}

fn damaged(directory: &Directory, what: String) -> StorageError {
    let dir = directory.path().to_owned();
    StorageError::Corrupt { dir, what }
}

/// Whether it says that the contents are wrong, and not that they cannot be reached.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::SqliteFailure(..) => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        ),
        // A column that is not what the schema says.
        _ => true,
    }
}

/// Whether it may be the fault of what one room writes, or of the pages that it meets, so that the
/// writes of others can succeed.
pub(super) fn is_of_a_room(error: &Error) -> bool {
    let of_a_room = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
    );
    of_a_room || is_damage(error)
}

pub(super) fn read_error(error: &Error) -> ReadError {
    if is_damage(error) {
        ReadError::Corrupt(error.to_string())
    } else {
        ReadError::Io(error.to_string())
    }
}

pub(super) fn upkeep_error(attempt: &str) -> impl FnOnce(Error) -> UpkeepError + '_ {
    move |error| {
        if is_damage(&error) {
            return UpkeepError::Corrupt(error.to_string());
        }
        UpkeepError::Io {
            attempt: attempt.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn open_error(directory: &Directory, error: Error) -> StorageError {
    use std::io::ErrorKind::{Other, ReadOnlyFilesystem, ResourceBusy, StorageFull};
    let kind = match error.sqlite_error_code() {
        _ if is_damage(&error) => return damaged(directory, error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ResourceBusy,
        Some(ErrorCode::DiskFull) => StorageFull,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => ReadOnlyFilesystem,
        _ => Other,
    };
    if kind == ResourceBusy {
        return StorageError::Locked {
            dir: directory.path().to_owned(),
            owner: " (one that reads it, such as a backup)".to_owned(),
        };
    }
    let source = std::io::Error::new(kind, error);
    StorageError::io(directory.path(), "open the database", source)
}
