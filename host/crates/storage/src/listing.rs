//! Listings over all rooms, by seeking: what they cost is decided by what they return.
//!
//! A room has stored something when it has a value or an alarm. Both kinds of keys are ordered by
//! room, so the rooms are what two ordered rows have together; behind each room the next one is
//! searched for, however many keys it has.

use partykit_core::{ReadError, RoomKey};

use crate::alarm::ALARM;
use crate::key::{VALUE, after_prefix, join, names, of_no_room, room_of, split};
use crate::scan::Bounds;

/// Rooms behind `after`, at most `limit`. `first` returns the first key within bounds.
pub(crate) fn rooms(
    after: Option<&RoomKey>,
    limit: usize,
    mut first: impl FnMut(&Bounds) -> Result<Option<Vec<u8>>, ReadError>,
) -> Result<Vec<RoomKey>, ReadError> {
    let mut rows = [Row::new(ALARM), Row::new(VALUE)];
    let after = after.map(names);
    let mut found = Vec::new();
    for row in &mut rows {
        row.seek(after.as_deref(), &mut first)?;
    }
    while found.len() < limit {
        let Some(next) = rows.iter().filter_map(|row| row.head.clone()).min() else {
            break;
        };
        found.push(room_of(&next).ok_or_else(|| of_no_room(&next))?);
        for row in &mut rows {
            if row.head.as_ref() == Some(&next) {
                row.seek(Some(&next), &mut first)?;
            }
        }
    }
    Ok(found)
}

/// The rooms of one kind of key.
struct Row {
    kind: u8,
    /// The next of them, by its names as bytes.
    head: Option<Vec<u8>>,
}

impl Row {
    fn new(kind: u8) -> Self {
        Self { kind, head: None }
    }

    /// Goes to the first room, or to the one behind another.
    fn seek(
        &mut self,
        after: Option<&[u8]>,
        first: &mut impl FnMut(&Bounds) -> Result<Option<Vec<u8>>, ReadError>,
    ) -> Result<(), ReadError> {
        let kind = [self.kind];
        let high = after_prefix(&kind);
        let low = match after {
            Some(after) => after_prefix(&join(&kind, after)).unwrap_or_default(),
            None => kind.to_vec(),
        };
        let bounds = Bounds {
            low,
            high,
            reverse: false,
        };
        self.head = match first(&bounds)? {
            Some(key) => {
                let (room, _) = split(&key).ok_or_else(|| of_no_room(&key))?;
                room.strip_prefix(&kind).map(<[u8]>::to_vec)
            }
            None => None,
        };
        Ok(())
    }
}
