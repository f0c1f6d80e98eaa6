//! A group of batches as one set of writes, and the verdict on each batch.
//!
//! Owns what every backend must decide the same way: a batch that is too large fails alone, and
//! takes those after it of the same room with it; a later write to a key wins. Knows no engine.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use partykit_core::{CommitError, CommitSeq, RoomBatch, RoomKey, WriteOp};

use crate::key::{self, KEY_BYTES_MAX};

/// Largest batch that a backend takes. A turn that writes more than its guest's whole memory
/// (128 MiB) does not exist; a group is held in memory about twice while it is applied.
pub(crate) const BATCH_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// `None` is a deletion.
pub(crate) type Written = Option<Bytes>;

/// What a group comes to.
pub(crate) struct Group {
    /// By the bytes of room and key, the last write of each.
    pub(crate) writes: BTreeMap<Vec<u8>, Written>,
    /// Keys and values of the batches that were taken.
    pub(crate) bytes: u64,
    /// In the order of the batches: taken, or refused and why.
    verdicts: Vec<Result<(), CommitError>>,
}

impl Group {
    /// `kind` is the byte that the keys of values begin with.
    pub(crate) fn new(kind: u8, batches: Vec<RoomBatch>) -> Self {
        let mut group = Self {
            writes: BTreeMap::new(),
            bytes: 0,
            verdicts: Vec::new(),
        };
        let mut failed: HashSet<RoomKey> = HashSet::new();
        for batch in batches {
            let verdict = if failed.contains(&batch.room) {
                Err(CommitError::Io(
                    "a batch of this room before it was not written".to_owned(),
                ))
            } else {
                measure(&batch)
            };
            match verdict {
                Ok(bytes) => {
                    group.bytes += bytes;
                    group.verdicts.push(Ok(()));
                    group.take(kind, batch);
                }
                Err(error) => {
                    failed.insert(batch.room);
                    group.verdicts.push(Err(error));
                }
            }
        }
        group
    }

    fn take(&mut self, kind: u8, batch: RoomBatch) {
        let prefix = key::room_prefix(kind, &batch.room);
        for write in batch.writes {
            match write {
                WriteOp::Put { key, value } => {
                    self.writes
                        .insert(key::join(&prefix, key.as_bytes()), Some(value));
                }
                WriteOp::Delete { key } => {
                    self.writes.insert(key::join(&prefix, key.as_bytes()), None);
                }
            }
        }
    }

    /// How many batches the group has, refused ones too.
    pub(crate) fn len(&self) -> u64 {
        self.verdicts.len() as u64
    }

    /// The results: batches that were taken get their place in the sequence, which begins at
    /// `first`, or the error that all of them met.
    pub(crate) fn results(
        self,
        outcome: Result<u64, CommitError>,
    ) -> Vec<Result<CommitSeq, CommitError>> {
        let place = |index: usize| outcome.clone().map(|first| CommitSeq(first + index as u64));
        let verdicts = self.verdicts.into_iter().enumerate();
        verdicts
            .map(|(index, verdict)| verdict.and_then(|()| place(index)))
            .collect()
    }
}

/// Bytes of keys and values.
fn measure(batch: &RoomBatch) -> Result<u64, CommitError> {
    let mut bytes = 0;
    for write in &batch.writes {
        let (key, value) = match write {
            WriteOp::Put { key, value } => (key, value.len()),
            WriteOp::Delete { key } => (key, 0),
        };
        if key.len() > KEY_BYTES_MAX {
            return Err(CommitError::TooLarge {
                bytes: key.len() as u64,
            });
        }
        bytes += (key.len() + value) as u64;
    }
    if bytes > BATCH_BYTES_MAX {
        return Err(CommitError::TooLarge { bytes });
    }
    Ok(bytes)
}
