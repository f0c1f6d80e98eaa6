//! Counts rooms, keys and bytes while the keys of a store go by in their order.

use crate::key::split;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rooms: u64,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    pub(crate) alarms: u64,
    /// Prefix of the room of the last key.
    room: Vec<u8>,
}

impl Tally {
    /// Counts a raw key and the bytes of its value; false when it is no key of a room.
    pub(crate) fn add(&mut self, raw: &[u8], value_bytes: u64) -> bool {
        let Some((room, key)) = split(raw) else {
            return false;
        };
        if self.keys == 0 || room != self.room {
            self.rooms += 1;
            self.room = room.to_vec();
        }
        self.keys += 1;
        self.bytes += key.len() as u64 + value_bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_room_count_it_once() {
        let mut tally = Tally::default();
        for raw in [
            &b"vp\xffm\xffa\xffk"[..],
            b"vp\xffm\xffa\xffl",
            b"vp\xffm\xffaa\xff",
        ] {
            assert!(tally.add(raw, 10));
        }
        assert!(!tally.add(b"vp\xffm\xff", 10), "a room without a name");
        assert_eq!((tally.rooms, tally.keys, tally.bytes), (2, 3, 32));
    }
}
