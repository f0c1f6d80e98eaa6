//! Rooms and keys as bytes, in an order that every ordered engine keeps.
//!
//! Owns two properties, both tested below. The keys of one room stand together and in the byte
//! order of their UTF-8. No room's prefix begins another's, so a scan of one room can never see a
//! second one. They hold because UTF-8 has no byte 0xFF: it ends each part of a room's name, and
//! the user's key follows as it is, with nothing after it.

use partykit_core::{PartyName, ProjectName, ReadError, RoomId, RoomKey};

/// First byte of the keys of values, in every backend.
pub(crate) const VALUE: u8 = b'v';

/// Ends a part of a room's name; occurs nowhere in UTF-8.
const END: u8 = 0xFF;

/// Longest user key that a backend takes; what a room may write is limited to the same
/// (`key_bytes_max`) when it makes the call.
pub(crate) const KEY_BYTES_MAX: usize = 2048;

/// Longest prefix: project and party names have at most 63 bytes, room names 1,024.
pub(crate) const ROOM_PREFIX_BYTES_MAX: usize = 63 + 1 + 63 + 1 + 1024 + 1;

/// A room as bytes: each part of its name with its end. It tells rooms apart and is ordered as
/// their keys are.
pub(crate) fn names(room: &RoomKey) -> Vec<u8> {
    let parts = [
        room.project.as_str(),
        room.party.as_str(),
        room.room.as_str(),
    ];
    let mut names = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum::<usize>());
    for part in parts {
        names.extend_from_slice(part.as_bytes());
        names.push(END);
    }
    names
}

/// The room of such bytes; none when they are no room's.
pub(crate) fn room_of(names: &[u8]) -> Option<RoomKey> {
    split(names).filter(|(_, rest)| rest.is_empty())?;
    let mut parts = names.split(|byte| *byte == END);
    let mut part = || std::str::from_utf8(parts.next()?).ok();
    Some(RoomKey {
        project: ProjectName::parse(part()?).ok()?,
        party: PartyName::parse(part()?).ok()?,
        room: RoomId::parse(part()?).ok()?,
    })
}

/// A room's prefix and a key of that room.
pub(crate) fn join(prefix: &[u8], key: &[u8]) -> Vec<u8> {
    [prefix, key].concat()
}

/// A raw key of a room as what all keys of that room begin with, and the user's key.
pub(crate) fn split(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = raw.iter().enumerate().filter(|(_, byte)| **byte == END);
    let (third, _) = ends.take(3).nth(2)?;
    raw.split_at_checked(third + 1)
}

/// For a raw key that should name a room and does not.
pub(crate) fn of_no_room(raw: &[u8]) -> ReadError {
    ReadError::Corrupt(format!("the key {} is of no room", shown(raw)))
}

/// A raw key for a message.
pub(crate) fn shown(raw: &[u8]) -> String {
    format!("`{}`", raw.escape_ascii())
}

/// The first byte string that is above everything which begins with `prefix`; none when there is
/// no such string.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix.get(..=last)?.to_vec();
    if let Some(byte) = after.last_mut() {
        *byte += 1;
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64*: the same sequence for the same seed, everywhere.
    struct Random(u64);

    impl Random {
        fn below(&mut self, max: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % max
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }

        /// Short texts of few characters from all lengths of UTF-8, so that prefixes and
        /// neighbours are frequent.
        fn text(&mut self, least: usize) -> String {
            let len = least + self.below(4);
            let letters = [
                "\0",
                "\u{1}",
                "a",
                "b",
                "\u{7f}",
                "\u{80}",
                "\u{7ff}",
                "\u{ffff}",
                "\u{10ffff}",
            ];
            (0..len).map(|_| self.pick(&letters)).collect()
        }

        fn room(&mut self) -> RoomKey {
            RoomKey {
                project: ProjectName::parse(self.pick(&["a", "aa", "a-b", "b"])).unwrap(),
                party: PartyName::parse(self.pick(&["a", "aa", "main", "main-a"])).unwrap(),
                room: RoomId::parse(&self.text(1)).unwrap(),
            }
        }
    }

    #[test]
    fn keys_of_one_room_are_ordered_like_their_utf8() {
        let mut random = Random(0x5eed_0001);
        for round in 0..20_000 {
            let prefix = names(&random.room());
            let (one, two) = (random.text(0), random.text(0));
            assert_eq!(
                join(&prefix, one.as_bytes()).cmp(&join(&prefix, two.as_bytes())),
                one.as_bytes().cmp(two.as_bytes()),
                "round {round}: {one:?} {two:?}"
            );
        }
    }

    #[test]
    fn no_rooms_prefix_begins_a_key_of_another_room() {
        let mut random = Random(0x5eed_0002);
        let mut different = 0;
        for round in 0..50_000 {
            let (one, two) = (random.room(), random.room());
            if one == two {
                continue;
            }
            different += 1;
            let key = join(&names(&two), random.text(0).as_bytes());
            assert!(
                !key.starts_with(&names(&one)),
                "round {round}: {one:?} {two:?}"
            );
        }
        assert!(different > 40_000);
    }

    #[test]
    fn a_room_comes_back_from_its_bytes_and_nothing_else_is_one() {
        let mut random = Random(0x5eed_0005);
        for round in 0..20_000 {
            let room = random.room();
            let names = names(&room);
            assert_eq!(room_of(&names), Some(room), "round {round}");
            assert_eq!(room_of(&names[..names.len() - 1]), None, "round {round}");
            assert_eq!(room_of(&join(&names, b"k")), None, "round {round}");
        }
        assert_eq!(
            room_of(b"p\xff\xffroom\xff"),
            None,
            "a party without a name"
        );
    }

    #[test]
    fn a_raw_key_is_split_behind_its_room() {
        let mut random = Random(0x5eed_0004);
        for round in 0..20_000 {
            let (prefix, key) = (names(&random.room()), random.text(0));
            let raw = join(&prefix, key.as_bytes());
            let parts = (prefix.as_slice(), key.as_bytes());
            assert_eq!(split(&raw), Some(parts), "round {round}");
        }
        assert_eq!(split(b"vp\xffm\xffno end"), None);
    }

    #[test]
    fn everything_with_a_prefix_is_below_what_comes_after_it_and_nothing_else_is() {
        let mut random = Random(0x5eed_0003);
        for round in 0..20_000 {
            let mut bytes = |least: usize| -> Vec<u8> {
                let len = least + random.below(4);
                (0..len)
                    .map(|_| [0, 1, 0x61, 0xfe, 0xff][random.below(5)])
                    .collect()
            };
            let (prefix, other) = (bytes(1), bytes(0));
            let inside = other >= prefix && after_prefix(&prefix).is_none_or(|after| other < after);
            assert_eq!(
                inside,
                other.starts_with(&prefix),
                "round {round}: {prefix:?} {other:?}"
            );
        }
    }

    #[test]
    fn the_longest_names_fit_the_documented_length() {
        let room = RoomKey {
            project: ProjectName::parse(&"p".repeat(63)).unwrap(),
            party: PartyName::parse(&"q".repeat(63)).unwrap(),
            room: RoomId::parse(&"r".repeat(1024)).unwrap(),
        };
        assert_eq!(names(&room).len(), ROOM_PREFIX_BYTES_MAX);
    }
}
