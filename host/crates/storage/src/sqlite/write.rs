//! What one room's writes are in the database. Knows no transaction's end.

use partykit_core::Alarm;
use rusqlite::{Connection, Error, params};

use super::entry::{self, Tables};
use crate::alarm::{self, DUE, DUE_PREFIX_BYTES};
use crate::batch::{RoomWrites, Written};
use crate::key::{VALUE, after_prefix, join};

/// Writes all of it.
pub(super) fn room(connection: &Connection, names: &[u8], room: &RoomWrites) -> Result<(), Error> {
    if room.clears {
        let low = join(&[VALUE], names);
        let high = after_prefix(&low).unwrap_or_default();
        entry::remove_between(connection, &low, &high)?;
    }
    for (key, written) in &room.values {
        set(connection, key, written)?;
    }
    match room.alarm {
        Some(wanted) => set_alarm(connection, names, wanted),
        None => Ok(()),
    }
}

fn set(connection: &Connection, key: &[u8], written: &Written) -> Result<(), Error> {
    match written {
        Some(value) => entry::put(connection, key, value),
        None => entry::remove(connection, key),
    }
}

fn set_alarm(connection: &Connection, names: &[u8], wanted: Option<Alarm>) -> Result<(), Error> {
    let key = alarm::record_key(names);
    let stored = match entry::find(connection, Tables::EntriesAndLarge, &key)? {
        None => None,
        Some(summed) => {
            let record = summed.checked(&key).ok();
            let stored = record.and_then(|record| alarm::parse(&record));
            if stored.is_none() {
                forget_times(connection, names)?;
            }
            stored
        }
    };
    let changes = alarm::changes(names, stored, wanted);
    let mut changes = changes.iter();
    changes.try_for_each(|(key, written)| set(connection, key, written))
}

/// Removes what the index has of a room whose record does not say any more where that is. Reads
/// all of the index: only after damage.
fn forget_times(connection: &Connection, names: &[u8]) -> Result<(), Error> {
    let (low, high) = ([DUE], after_prefix(&[DUE]).unwrap_or_default());
    let sql = "DELETE FROM entries WHERE key >= ?1 AND key < ?2 AND substr(key, ?3) = ?4";
    // SQL counts from one.
    let room_at = DUE_PREFIX_BYTES as i64 + 1;
    let parameters = params![&low[..], high, room_at, names];
    connection.execute(sql, parameters).map(|_| ())
}
