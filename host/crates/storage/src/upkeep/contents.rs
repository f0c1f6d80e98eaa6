//! What a store holds, room by room, for whoever carries it elsewhere. Nothing is kept of it: a
//! room may be larger than memory.

use bytes::Bytes;
use partykit_core::{Alarm, Entry, Range, ReadError, RoomKey, Store, UpkeepError};

use crate::StorageError;

/// Names of rooms that are looked up at once.
const ROOMS_AT_ONCE: usize = 256;

/// Takes what is read, in the order of rooms and, within a room, of keys. An error ends the
/// reading.
pub trait Receiver {
    /// Why it takes no more.
    type Error: From<StorageError>;

    /// Whether a room is to be read.
    fn wants(&mut self, room: &RoomKey) -> bool;

    /// A room begins.
    ///
    /// # Errors
    /// It takes no more.
    fn room(&mut self, room: &RoomKey, alarm: Option<Alarm>) -> Result<(), Self::Error>;

    /// The next value of the room.
    ///
    /// # Errors
    /// It takes no more.
    fn entry(&mut self, key: String, value: Bytes) -> Result<(), Self::Error>;

    /// The room has no more values.
    ///
    /// # Errors
    /// It takes no more.
    fn room_ends(&mut self) -> Result<(), Self::Error>;
}

/// Something that rooms can be read of.
pub(crate) trait Held {
    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError>;
    fn alarm(&self, room: &RoomKey) -> Result<Option<Alarm>, ReadError>;
    fn entries<'h>(
        &'h self,
        room: &RoomKey,
    ) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + 'h>;
}

/// A store that nobody writes.
pub(crate) struct AtRest<'s>(pub(crate) &'s dyn Store);

impl Held for AtRest<'_> {
    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        self.0.rooms(after, limit)
    }

    fn alarm(&self, room: &RoomKey) -> Result<Option<Alarm>, ReadError> {
        self.0.reader(room).alarm()
    }

    fn entries<'h>(
        &'h self,
        room: &RoomKey,
    ) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + 'h> {
        self.0.reader(room).range(&Range::default())
    }
}

/// Gives everything to `receiver`.
pub(crate) fn give<R: Receiver>(held: &dyn Held, receiver: &mut R) -> Result<(), R::Error> {
    let mut after = None;
    loop {
        let rooms = held.rooms(after.as_ref(), ROOMS_AT_ONCE).map_err(failed)?;
        for room in &rooms {
            if !receiver.wants(room) {
                continue;
            }
            receiver.room(room, held.alarm(room).map_err(failed)?)?;
            for entry in held.entries(room) {
                let (key, value) = entry.map_err(failed)?;
                receiver.entry(key, value)?;
            }
            receiver.room_ends()?;
        }
        match rooms.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

fn failed(error: ReadError) -> StorageError {
    UpkeepError::from(error).into()
}
