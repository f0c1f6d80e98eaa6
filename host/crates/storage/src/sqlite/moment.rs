//! A database as of one moment, beside whoever writes it: everything is read in one transaction.

use partykit_core::{Alarm, Entry, Range, ReadError, RoomKey};
use rusqlite::Connection;

use super::database::read_error;
use super::entry::{Tables, chunk, find, first_key};
use crate::alarm;
use crate::key::{VALUE, join, names};
use crate::listing;
use crate::scan::{Bounds, Scan, user_key};
use crate::upkeep::Held;

/// Of a connection on which a transaction has begun.
pub(super) struct Moment<'c> {
    pub(super) connection: &'c Connection,
    pub(super) tables: Tables,
}

impl Held for Moment<'_> {
    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        listing::rooms(after, limit, |bounds| {
            first_key(self.connection, bounds).map_err(|error| read_error(&error))
        })
    }

    fn alarm(&self, room: &RoomKey) -> Result<Option<Alarm>, ReadError> {
        let key = alarm::record_key(&names(room));
        let found = find(self.connection, self.tables, &key).map_err(|error| read_error(&error))?;
        let record = found.map(|found| found.checked(&key)).transpose()?;
        record.map(|record| alarm::read(&key, &record)).transpose()
    }

    fn entries<'h>(
        &'h self,
        room: &RoomKey,
    ) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + 'h> {
        let room = join(&[VALUE], &names(room));
        let bounds = Bounds::new(&room, &Range::default());
        let fetch = |bounds: &Bounds, count| {
            chunk(self.connection, self.tables, bounds, count).map_err(|error| read_error(&error))
        };
        Box::new(Scan::new(bounds, fetch).map(move |found| {
            let (key, summed) = found?;
            Ok((user_key(&room, &key)?, summed.checked(&key)?))
        }))
    }
}
