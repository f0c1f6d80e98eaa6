//! What a group is in the tree: records, pieces, and the pieces of what they replace, as one sled
//! batch. Reads the tree and writes nothing.

use std::collections::BTreeMap;

use ::sled::{Batch, Error, Tree};
use bytes::Bytes;
use partykit_core::Alarm;

use super::value::{Address, Head, PIECE_BYTES, inline};
use crate::alarm::{self, DUE};
use crate::batch::{RoomWrites, Written};
use crate::key::{VALUE, join};

/// The writes of a group; none when it comes to nothing. `commit` is a number that was never used.
pub(super) fn plan(
    tree: &Tree,
    commit: u64,
    rooms: BTreeMap<Vec<u8>, RoomWrites>,
) -> Result<Option<Batch>, Error> {
    let mut plan = Plan {
        tree,
        commit,
        place: 0,
        batch: Batch::default(),
        empty: true,
    };
    for (names, room) in rooms {
        plan.room(&names, room)?;
    }
    Ok((!plan.empty).then_some(plan.batch))
}

struct Plan<'a> {
    tree: &'a Tree,
    commit: u64,
    /// How many values in pieces there were so far.
    place: u64,
    batch: Batch,
    empty: bool,
}

impl Plan<'_> {
    fn room(&mut self, names: &[u8], room: RoomWrites) -> Result<(), Error> {
        if room.clears {
            for key in self.tree.scan_prefix(join(&[VALUE], names)).keys() {
                let key = key?.to_vec();
                // What is written anew below takes the old pieces with it there.
                if !room.values.contains_key(&key) {
                    self.write(key, None)?;
                }
            }
        }
        for (key, written) in room.values {
            self.write(key, written)?;
        }
        match room.alarm {
            Some(wanted) => self.alarm(names, wanted),
            None => Ok(()),
        }
    }

    fn alarm(&mut self, names: &[u8], wanted: Option<Alarm>) -> Result<(), Error> {
        let stored = match self.tree.get(alarm::record_key(names))? {
            None => None,
            Some(record) => {
                let stored = match Head::parse(&record) {
                    Some(Head::Inline(record)) => alarm::parse(&record),
                    _ => None,
                };
                if stored.is_none() {
                    self.forget_times(names)?;
                }
                stored
            }
        };
        for (key, written) in alarm::changes(names, stored, wanted) {
            self.write(key, written)?;
        }
        Ok(())
    }

    /// Removes what the index has of a room whose record does not say any more where that is.
    /// Reads all of the index: only after damage.
    fn forget_times(&mut self, names: &[u8]) -> Result<(), Error> {
        for key in self.tree.scan_prefix([DUE]).keys() {
            let key = key?;
            if alarm::parse_due(&key).is_some_and(|(_, of)| of == names) {
                self.write(key.to_vec(), None)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, key: Vec<u8>, written: Written) -> Result<(), Error> {
        let old = self.tree.get(&key)?;
        if old.is_none() && written.is_none() {
            return Ok(());
        }
        self.empty = false;
        if let Some(Some(Head::Pieces(address))) = old.map(|record| Head::parse(&record)) {
            for piece in address.piece_keys() {
                self.batch.remove(piece);
            }
        }
        match written {
            None => self.batch.remove(key),
            Some(value) if value.len() <= PIECE_BYTES => self.batch.insert(key, inline(&value)),
            Some(value) => self.pieces(key, &value),
        }
        Ok(())
    }

    fn pieces(&mut self, key: Vec<u8>, value: &Bytes) {
        let address = Address {
            commit: self.commit,
            place: self.place,
            len: value.len() as u64,
        };
        self.place += 1;
        for (piece, bytes) in address.piece_keys().zip(value.chunks(PIECE_BYTES)) {
            self.batch.insert(piece, bytes);
        }
        self.batch.insert(key, address.record());
    }
}
