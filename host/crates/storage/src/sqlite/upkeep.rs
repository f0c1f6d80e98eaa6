//! What an operator does with a whole SQLite store. Everything that only reads opens a connection
//! of its own, so that it works beside a process that serves rooms, as of one moment.

use std::path::{Path, PathBuf};

use partykit_core::{BackupReport, CheckReport, Compaction, StoreStats, UpkeepError};
use rusqlite::{Connection, Error, Row};

use super::database::{connect_reader, upkeep_error};
use super::entry::{Summed, Tables, find};
use super::moment::Moment;
use crate::alarm::{ALARM, DUE};
use crate::directory::{Directory, folder_bytes};
use crate::key::{VALUE, after_prefix};
use crate::upkeep::{AlarmCheck, Archive, Held, Tally};

/// Reads a database that another process, or another part of this one, may be writing.
pub(crate) struct Beside {
    file: PathBuf,
}

impl Beside {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The database of a store in this directory, which need not be ours.
    pub(crate) fn of(backend_dir: &Path) -> Self {
        Self::new(super::database::file(backend_dir))
    }

    pub(crate) fn stats(&self) -> Result<StoreStats, UpkeepError> {
        let connection = self.connect()?;
        let tally = moment(&connection, |connection| {
            let mut tally = Tally::default();
            let tables = Tables::of(connection)?;
            let (bytes, source) = (tables.value_bytes(), tables.source());
            let sql =
                format!("SELECT e.key, {bytes} FROM {source} WHERE e.key >= ?1 AND e.key < ?2");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query(of_kind(VALUE))?;
            while let Some(row) = rows.next()? {
                tally.add(
                    row.get_ref(0)?.as_blob()?,
                    row.get::<_, i64>(1)?.unsigned_abs(),
                );
            }
            let sql = "SELECT count(*) FROM entries WHERE key >= ?1 AND key < ?2";
            let count = |row: &Row<'_>| row.get::<_, i64>(0);
            let alarms = connection.query_row(sql, of_kind(ALARM), count)?;
            tally.alarms = alarms.unsigned_abs();
            Ok(tally)
        });
        let tally = tally.map_err(upkeep_error("count what is stored"))?;
        let number = |name| {
            let read = |row: &Row<'_>| row.get::<_, i64>(0);
            connection
                .pragma_query_value(None, name, read)
                .map(i64::unsigned_abs)
        };
        let free = number("freelist_count").and_then(|pages| Ok(pages * number("page_size")?));
        Ok(StoreStats {
            backend: "sqlite",
            rooms: tally.rooms,
            keys: tally.keys,
            alarms: tally.alarms,
            content_bytes: tally.bytes,
            disk_bytes: self.folder_bytes(),
            free_bytes: Some(free.map_err(upkeep_error("count free pages"))?),
        })
    }

    pub(crate) fn check(&self) -> Result<CheckReport, UpkeepError> {
        let mut report = CheckReport::default();
        let connection = self.connect()?;
        let checked = moment(&connection, |connection| check(connection, &mut report));
        match checked.map_err(upkeep_error("check the store")) {
            Ok(()) => {}
            // Damage so bad that nothing behind it can be read is a finding, not a failure.
            Err(UpkeepError::Corrupt(text)) => report.problem(text),
            Err(error) => return Err(error),
        }
        Ok(report)
    }

    pub(crate) fn backup(&self, file: &Path) -> Result<BackupReport, UpkeepError> {
        let connection = self.connect()?;
        let mut archive = Archive::create(file)?;
        let mut failed = None;
        let read = moment(&connection, |connection| {
            for kind in [VALUE, ALARM] {
                each(connection, kind, |key, summed| {
                    let added = match summed.checked(key) {
                        Ok(record) if kind == ALARM => archive.add_alarm(key, &record),
                        Ok(value) => archive.add(key, &value),
                        Err(error) => Err(error.into()),
                    };
                    failed = added.err();
                    Ok(failed.is_none())
                })?;
                if failed.is_some() {
                    break;
                }
            }
            Ok(())
        });
        match failed {
            Some(error) => Err(error),
            None => {
                read.map_err(upkeep_error("read the store"))?;
                archive.finish()
            }
        }
    }

    /// What is there as of one moment, for as long as `work` takes.
    pub(crate) fn moment<T>(&self, work: impl FnOnce(&dyn Held) -> T) -> Result<T, UpkeepError> {
        let connection = self.connect()?;
        let done = moment(&connection, |connection| {
            let tables = Tables::of(connection)?;
            Ok(work(&Moment { connection, tables }))
        });
        done.map_err(upkeep_error("read the store"))
    }

    fn connect(&self) -> Result<Connection, UpkeepError> {
        connect_reader(&self.file).map_err(upkeep_error("open the database"))
    }

    fn folder_bytes(&self) -> u64 {
        self.file.parent().map_or(0, folder_bytes)
    }
}

/// Rewrites the database without what is free. SQLite does it as one transaction.
pub(super) fn compact(connection: &Connection, directory: &Directory) -> Result<Compaction, Error> {
    let dir = directory.backend_dir();
    let before_bytes = folder_bytes(&dir);
    let truncate = rusqlite::wal::CheckpointMode::TRUNCATE;
    connection.execute_batch("VACUUM")?;
    // Only now does the file become smaller.
    connection.wal_checkpoint_v2(None::<&str>, truncate)?;
    Ok(Compaction {
        before_bytes,
        after_bytes: folder_bytes(&dir),
    })
}

/// For a store that cannot be used any more.
pub(super) fn ended(reason: String) -> UpkeepError {
    UpkeepError::Io {
        attempt: "use the store".to_owned(),
        reason,
    }
}

/// Everything within is read as of one moment.
fn moment<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    connection.execute_batch("BEGIN")?;
    let done = work(connection);
    let ended = connection.execute_batch("COMMIT");
    done.and_then(|done| ended.map(|()| done))
}

/// From the first key of a kind to behind the last.
fn of_kind(kind: u8) -> [Vec<u8>; 2] {
    [vec![kind], after_prefix(&[kind]).unwrap_or_default()]
}

/// Visits every entry of a kind, in the order of keys, while it is wanted.
fn each(
    connection: &Connection,
    kind: u8,
    mut visit: impl FnMut(&[u8], Summed) -> Result<bool, Error>,
) -> Result<(), Error> {
    let tables = Tables::of(connection)?;
    let (value, source) = (tables.value(), tables.source());
    let sql = format!(
        "SELECT e.key, e.sum, {value} FROM {source}
         WHERE e.key >= ?1 AND e.key < ?2 ORDER BY e.key"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(of_kind(kind))?;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_blob()?;
        if !visit(key, Summed::read(row, 1)?)? {
            break;
        }
    }
    Ok(())
}

fn check(connection: &Connection, report: &mut CheckReport) -> Result<(), Error> {
    // The trees of the database first, then each entry against its checksum and the others.
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.problem(line);
        }
    }
    let mut tally = Tally::default();
    let read = each(connection, VALUE, |key, summed| {
        if !tally.add(key, 0) {
            report.problem(format!("the key `{}` is of no room", key.escape_ascii()));
        }
        if let Err(error) = summed.checked(key) {
            report.problem(error.to_string());
        }
        Ok(true)
    });
    (report.rooms, report.keys) = (tally.rooms, tally.keys);
    read?;
    check_large(connection, report)?;
    check_alarms(connection, report)
}

/// Rows of large values that are of no entry; those of an entry were read with it.
fn check_large(connection: &Connection, report: &mut CheckReport) -> Result<(), Error> {
    if Tables::of(connection)? == Tables::Entries {
        return Ok(());
    }
    let sql = "SELECT id FROM large WHERE id NOT IN
        (SELECT large FROM entries WHERE large IS NOT NULL)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        report.problem(format!("the large value {id} is of no key"));
    }
    Ok(())
}

fn check_alarms(connection: &Connection, report: &mut CheckReport) -> Result<(), Error> {
    let tables = Tables::of(connection)?;
    // What stands there without its checksum is told where it is visited itself.
    let get = |key: &[u8]| {
        let found = find(connection, tables, key)?;
        Ok::<_, Error>(found.and_then(|found| found.checked(key).ok()))
    };
    for kind in [ALARM, DUE] {
        each(connection, kind, |key, summed| {
            match summed.checked(key) {
                Err(error) => report.problem(error.to_string()),
                Ok(record) if kind == ALARM => {
                    AlarmCheck::new(report, get).record(key, &record)?;
                }
                Ok(_) => AlarmCheck::new(report, get).due(key)?,
            }
            Ok(true)
        })?;
    }
    Ok(())
}
