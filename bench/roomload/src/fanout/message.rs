//! What members of a room say to each other: a kind, the room, a number, the moment of sending,
//! and padding that must arrive undamaged.

use crate::text::{get_decimal, padding, put_decimal};

// kind(1) room(6) . seq(12) . nanos(18) . padding
const HEAD: usize = 1 + 6 + 1 + 12 + 1 + 18 + 1;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A member says that it is there.
    Hello,
    /// Counted.
    Measured,
    /// Nothing comes after it.
    Last,
}

/// One message as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) seq: u64,
    /// When it was sent, on the program's clock.
    pub(super) at: u64,
}

/// Writes and reads the messages of one room.
pub(super) struct Format {
    room: u64,
    padding: Vec<u8>,
}

impl Format {
    /// For messages of `size` bytes, or a little more when that is too few.
    pub(super) fn new(room: usize, size: usize) -> Self {
        let room = room as u64;
        Self {
            room,
            padding: padding(room + 1, size.saturating_sub(HEAD).max(1)),
        }
    }

    pub(super) fn write(&self, said: Said, out: &mut Vec<u8>) {
        out.clear();
        out.resize(HEAD, b'.');
        out[0] = match said.kind {
            Kind::Hello => b'H',
            Kind::Measured => b'M',
            Kind::Last => b'F',
        };
        put_decimal(&mut out[1..7], self.room);
        put_decimal(&mut out[8..20], said.seq);
        put_decimal(&mut out[21..39], said.at);
        out.extend_from_slice(&self.padding);
    }

    /// The message when it is one of this room's and intact.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Said> {
        let (head, padding) = bytes.split_first_chunk::<HEAD>()?;
        let dotted = [7, 20, 39].iter().all(|at| head[*at] == b'.');
        if !dotted || padding != self.padding || get_decimal(&head[1..7])? != self.room {
            return None;
        }
        let kind = match head[0] {
            b'H' => Kind::Hello,
            b'M' => Kind::Measured,
            b'F' => Kind::Last,
            _ => return None,
        };
        Some(Said {
            kind,
            seq: get_decimal(&head[8..20])?,
            at: get_decimal(&head[21..39])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let format = Format::new(3, 100);
        let said = Said {
            kind: Kind::Measured,
            seq: 77,
            at: 123_456_789,
        };
        let mut bytes = Vec::new();
        format.write(said, &mut bytes);
        assert_eq!(bytes.len(), 100);
        assert_eq!(format.read(&bytes), Some(said));
        assert_eq!(Format::new(4, 100).read(&bytes), None, "another room's");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_ne!(format.read(&damaged), Some(said), "byte {at}");
        }
        bytes.pop();
        assert_eq!(format.read(&bytes), None, "cut off");
    }
}
