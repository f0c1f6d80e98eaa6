//! The store that keeps nothing beyond the life of the process: for tests, and for hosts that were
//! told not to persist. It passes the same suite as the durable ones.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use partykit_core::{
    CommitError, CommitSeq, Entry, Range, ReadError, RoomBatch, RoomKey, RoomReader, Store,
};

use crate::batch::Group;
use crate::key::{join, room_prefix};
use crate::scan::{Bounds, Scan, user_key};

/// The only kind of record here; the byte is shared with the durable backends' keys.
const VALUE: u8 = b'v';

type Entries = RwLock<BTreeMap<Vec<u8>, Bytes>>;

#[derive(Default)]
pub(crate) struct MemoryStore {
    entries: Arc<Entries>,
    last: AtomicU64,
    closed: AtomicBool,
}

impl Store for MemoryStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        let mut group = Group::new(VALUE, batches);
        if self.closed.load(Ordering::Acquire) {
            return group.results(Err(CommitError::Io("the store is closed".to_owned())));
        }
        let mut entries = self.entries.write();
        for (key, written) in std::mem::take(&mut group.writes) {
            match written {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        let first = self.last.fetch_add(group.len(), Ordering::Relaxed) + 1;
        group.results(Ok(first))
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(MemoryReader {
            room: room_prefix(VALUE, room),
            entries: self.entries.clone(),
        })
    }

    fn close(&self) -> Result<(), CommitError> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

struct MemoryReader {
    room: Vec<u8>,
    entries: Arc<Entries>,
}

impl RoomReader for MemoryReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        Ok(self
            .entries
            .read()
            .get(&join(&self.room, key.as_bytes()))
            .cloned())
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let entries = self.entries.clone();
        let fetch = move |bounds: &Bounds, count| Ok(chunk(&entries, bounds, count));
        let room = self.room.clone();
        let scan = Scan::new(Bounds::new(&self.room, range), fetch).map(move |entry| {
            let (key, value) = entry?;
            Ok((user_key(&room, &key)?, value))
        });
        match range.limit {
            Some(limit) => Box::new(scan.take(limit as usize)),
            None => Box::new(scan),
        }
    }
}

fn chunk(entries: &Entries, bounds: &Bounds, count: usize) -> Vec<(Vec<u8>, Bytes)> {
    let entries = entries.read();
    let high = match &bounds.high {
        Some(high) => Bound::Excluded(high.as_slice()),
        None => Bound::Unbounded,
    };
    let range = entries.range::<[u8], _>((Bound::Included(bounds.low.as_slice()), high));
    let owned = |(key, value): (&Vec<u8>, &Bytes)| (key.clone(), value.clone());
    if bounds.reverse {
        range.rev().take(count).map(owned).collect()
    } else {
        range.take(count).map(owned).collect()
    }
}
