//! What PartyKit's own runtime has stored for one room on a developer's machine: a database with
//! one table of keys and V8's bytes. Read only, and left as it is.

use std::path::Path;

use bytes::Bytes;
use partykit_core::{Entry, UpkeepError};
use rusqlite::{Connection, Error, OpenFlags, OptionalExtension};

use super::database::upkeep_error;

/// Gives every value to `visit`, in the order of the keys' bytes, while it is wanted; as of one
/// moment, so that the runtime may be running.
pub(crate) fn each(file: &Path, mut visit: impl FnMut(Entry) -> bool) -> Result<(), UpkeepError> {
    let mut read = || -> Result<(), Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        if !has_table(&connection)? {
            // A room that has never stored anything.
            return Ok(());
        }
        let sql = "SELECT key, value FROM _cf_KV ORDER BY key";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            let value = Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?);
            if !visit((key, value)) {
                break;
            }
        }
        Ok(())
    };
    read().map_err(upkeep_error(&format!("read {}", file.display())))
}

fn has_table(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_cf_KV'";
    let found = connection.query_row(sql, [], |_| Ok(())).optional()?;
    Ok(found.is_some())
}
