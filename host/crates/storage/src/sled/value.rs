//! How a value lies in the tree: whole in its record when it is small, else in pieces.
//!
//! A record is one byte that says which, then the value or the address of its pieces. An address
//! is made of the commit's number and the write's place in it, so it is used once in the life of a
//! store: pieces are never overwritten, only added and removed.

use bytes::{Bytes, BytesMut};

use crate::key::{KEY_BYTES_MAX, ROOM_PREFIX_BYTES_MAX};

/// First byte of the keys of records about the store itself.
pub(super) const META: u8 = b'm';
/// First byte of the keys of pieces.
pub(super) const PIECE: u8 = b'p';

/// Most bytes of one piece, and of a value that needs none. Larger ones make nodes that are
/// expensive to rewrite, smaller ones make more searches for each value.
pub(super) const PIECE_BYTES: usize = 16 * 1024;

/// Longest key and longest record in the tree; `disk` shows that nodes made of them fit.
pub(super) const TREE_KEY_BYTES_MAX: usize = 1 + ROOM_PREFIX_BYTES_MAX + KEY_BYTES_MAX;
pub(super) const TREE_VALUE_BYTES_MAX: usize = 1 + PIECE_BYTES;

const INLINE: u8 = 0;
const PIECES: u8 = 1;

/// Where the pieces of a value are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    /// Number of the commit that wrote it.
    pub(super) commit: u64,
    /// Which write of that commit.
    pub(super) place: u64,
    /// Bytes of the whole value.
    pub(super) len: u64,
}

/// A record as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    Inline(Bytes),
    Pieces(Address),
}

impl Head {
    /// `None` when the bytes are no record.
    pub(super) fn parse(record: &[u8]) -> Option<Self> {
        let (kind, rest) = record.split_first()?;
        match *kind {
            INLINE => Some(Self::Inline(Bytes::copy_from_slice(rest))),
            PIECES => {
                let (commit, rest) = rest.split_first_chunk()?;
                let (place, rest) = rest.split_first_chunk()?;
                let len = rest.try_into().ok()?;
                Some(Self::Pieces(Address {
                    commit: u64::from_be_bytes(*commit),
                    place: u64::from_be_bytes(*place),
                    len: u64::from_be_bytes(len),
                }))
            }
            _ => None,
        }
    }
}

/// The record of a value that fits into it.
pub(super) fn inline(value: &[u8]) -> Vec<u8> {
    [&[INLINE], value].concat()
}

impl Address {
    /// The record of a value in pieces.
    pub(super) fn record(&self) -> Vec<u8> {
        let numbers = [self.commit, self.place, self.len].map(u64::to_be_bytes);
        [&[PIECES], numbers.as_flattened()].concat()
    }

    /// The keys of the pieces, in their order.
    pub(super) fn piece_keys(&self) -> impl Iterator<Item = Vec<u8>> + use<> {
        let Self { commit, place, len } = *self;
        (0..len.div_ceil(PIECE_BYTES as u64)).map(move |piece| {
            [
                &[PIECE],
                [commit, place, piece].map(u64::to_be_bytes).as_flattened(),
            ]
            .concat()
        })
    }

    /// Puts the pieces together; `None` when one is missing. The error is the reader's, or the
    /// number of bytes that are there when it is not the number that should be.
    pub(super) fn collect<P: AsRef<[u8]>, E>(
        &self,
        mut piece: impl FnMut(Vec<u8>) -> Result<Option<P>, E>,
    ) -> Result<Option<Result<Bytes, usize>>, E> {
        let mut value = BytesMut::new();
        for key in self.piece_keys() {
            match piece(key)? {
                Some(bytes) => value.extend_from_slice(bytes.as_ref()),
                None => return Ok(None),
            }
        }
        let found = value.len();
        Ok(Some(if found as u64 == self.len {
            Ok(value.freeze())
        } else {
            Err(found)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        for value in [&b""[..], b"x", &[0xff; PIECE_BYTES]] {
            let read = Head::parse(&inline(value));
            assert_eq!(read, Some(Head::Inline(Bytes::copy_from_slice(value))));
        }
        let address = Address {
            commit: u64::MAX,
            place: 7,
            len: 1 << 40,
        };
        assert_eq!(Head::parse(&address.record()), Some(Head::Pieces(address)));
    }

    #[test]
    fn damaged_records_are_not_taken_for_values() {
        let record = Address {
            commit: 1,
            place: 2,
            len: 3,
        }
        .record();
        assert_eq!(Head::parse(&record[..record.len() - 1]), None);
        assert_eq!(Head::parse(&[record, vec![0]].concat()), None);
        assert_eq!(Head::parse(&[9, 1, 2]), None);
        assert_eq!(Head::parse(&[]), None);
    }

    #[test]
    fn there_are_as_many_pieces_as_a_value_needs() {
        for (len, pieces) in [
            (1, 1),
            (PIECE_BYTES, 1),
            (PIECE_BYTES + 1, 2),
            (PIECE_BYTES * 8, 8),
        ] {
            let address = Address {
                commit: 1,
                place: 0,
                len: len as u64,
            };
            assert_eq!(address.piece_keys().count(), pieces, "{len} bytes");
        }
    }
}
