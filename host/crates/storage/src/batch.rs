//! A group of batches as what each room comes to, and the verdict on each batch.
//!
//! Owns what every backend must decide the same way: a batch that is too large fails alone, and
//! takes those after it of the same room with it; a later write to a key wins, a deletion of
//! everything takes all before it. Knows no engine.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use partykit_core::{Alarm, CommitError, CommitSeq, RoomBatch, RoomKey, WriteOp};

use crate::alarm::RECORD_BYTES;
use crate::key::{self, KEY_BYTES_MAX, VALUE};

/// Largest batch that a backend takes. Rooms refuse half of it at the call (`batch_bytes_max`); a
/// group is held in memory about twice while it is applied.
pub(crate) const BATCH_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// `None` is a deletion.
pub(crate) type Written = Option<Bytes>;

/// What a group comes to.
pub(crate) struct Group {
    /// By the names of the rooms as bytes. Rooms share no key, so their order does not matter.
    pub(crate) rooms: BTreeMap<Vec<u8>, RoomWrites>,
    /// Keys and values of the batches that were taken.
    pub(crate) bytes: u64,
    /// In the order of the batches.
    verdicts: Vec<Verdict>,
}

/// What the batches of one room come to, in this order.
#[derive(Default)]
pub(crate) struct RoomWrites {
    /// Everything goes that is stored under the room's keys.
    pub(crate) clears: bool,
    /// By the raw key, the last write of each.
    pub(crate) values: BTreeMap<Vec<u8>, Written>,
    /// The alarm that the room will have, where that was written.
    pub(crate) alarm: Option<Option<Alarm>>,
}

/// Whose a batch was, and why it was refused if it was.
struct Verdict {
    names: Vec<u8>,
    refused: Option<CommitError>,
}

/// What a store has made of a group.
pub(crate) struct Applied {
    /// The place of the group's first batch in the sequence.
    pub(crate) first: u64,
    /// Rooms of which nothing was written, by their names as bytes.
    pub(crate) refused: BTreeMap<Vec<u8>, CommitError>,
}

impl Applied {
    /// Every room was written.
    pub(crate) fn whole(first: u64) -> Self {
        Self {
            first,
            refused: BTreeMap::new(),
        }
    }
}

impl Group {
    pub(crate) fn new(batches: Vec<RoomBatch>) -> Self {
        let mut group = Self {
            rooms: BTreeMap::new(),
            bytes: 0,
            verdicts: Vec::new(),
        };
        let mut failed: HashSet<RoomKey> = HashSet::new();
        for batch in batches {
            let measured = if failed.contains(&batch.room) {
                Err(CommitError::Io(
                    "a batch of this room before it was not written".to_owned(),
                ))
            } else {
                measure(&batch)
            };
            let names = key::names(&batch.room);
            let refused = match measured {
                Ok(bytes) => {
                    group.bytes += bytes;
                    group.take(&names, batch.writes);
                    None
                }
                Err(error) => {
                    failed.insert(batch.room);
                    Some(error)
                }
            };
            group.verdicts.push(Verdict { names, refused });
        }
        group
    }

    /// A group that makes a store forget a room.
    pub(crate) fn forgetting(room: &RoomKey) -> Self {
        Self::new(vec![RoomBatch {
            room: room.clone(),
            epoch: 1,
            writes: vec![WriteOp::DeleteAll, WriteOp::Alarm(None)],
        }])
    }

    fn take(&mut self, names: &[u8], writes: Vec<WriteOp>) {
        if writes.is_empty() {
            return;
        }
        let prefix = key::join(&[VALUE], names);
        let room = self.rooms.entry(names.to_vec()).or_default();
        for write in writes {
            room.take(&prefix, write);
        }
    }

    /// How many batches the group has, refused ones too.
    pub(crate) fn len(&self) -> u64 {
        self.verdicts.len() as u64
    }

    /// The results: batches that were taken get their place in the sequence, or the error that
    /// their room or all of them met.
    pub(crate) fn results(
        self,
        outcome: Result<Applied, CommitError>,
    ) -> Vec<Result<CommitSeq, CommitError>> {
        let result = |(index, verdict): (usize, Verdict)| {
            if let Some(error) = verdict.refused {
                return Err(error);
            }
            let applied = outcome.as_ref().map_err(CommitError::clone)?;
            match applied.refused.get(&verdict.names) {
                Some(error) => Err(error.clone()),
                None => Ok(CommitSeq(applied.first + index as u64)),
            }
        };
        self.verdicts.into_iter().enumerate().map(result).collect()
    }
}

impl RoomWrites {
    /// Whether the room may have more afterwards, as far as can be said without looking.
    pub(crate) fn grows(&self) -> bool {
        let alarm = self.alarm.is_some_and(|alarm| alarm.is_some());
        alarm || self.values.values().any(Option::is_some)
    }

    fn take(&mut self, prefix: &[u8], write: WriteOp) {
        let raw = |key: String| key::join(prefix, key.as_bytes());
        match write {
            WriteOp::Put { key, value } => {
                self.values.insert(raw(key), Some(value));
            }
            // After everything has gone there is nothing else to delete.
            WriteOp::Delete { key } if self.clears => {
                self.values.remove(&raw(key));
            }
            WriteOp::Delete { key } => {
                self.values.insert(raw(key), None);
            }
            WriteOp::DeleteAll => {
                self.values.clear();
                self.clears = true;
            }
            WriteOp::Alarm(alarm) => self.alarm = Some(alarm),
        }
    }
}

/// The result of a group of one batch.
pub(crate) fn only(results: Vec<Result<CommitSeq, CommitError>>) -> Result<CommitSeq, CommitError> {
    let none = || Err(CommitError::Io("the store gave no result".to_owned()));
    results.into_iter().next().unwrap_or_else(none)
}

/// Bytes that a write brings: of key and value, or of an alarm. What a deletion takes away is not
/// written.
pub(crate) fn write_bytes(write: &WriteOp) -> u64 {
    match write {
        WriteOp::Put { key, value } => (key.len() + value.len()) as u64,
        WriteOp::Delete { key } => key.len() as u64,
        WriteOp::DeleteAll => 0,
        WriteOp::Alarm(_) => RECORD_BYTES as u64,
    }
}

fn measure(batch: &RoomBatch) -> Result<u64, CommitError> {
    let keys = batch.writes.iter().map(|write| match write {
        WriteOp::Put { key, .. } | WriteOp::Delete { key } => key.len(),
        WriteOp::DeleteAll | WriteOp::Alarm(_) => 0,
    });
    if let Some(bytes) = keys.max().filter(|longest| *longest > KEY_BYTES_MAX) {
        let bytes = bytes as u64;
        return Err(CommitError::TooLarge { bytes });
    }
    let bytes = batch.writes.iter().map(write_bytes).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(CommitError::TooLarge { bytes });
    }
    Ok(bytes)
}
