//! The store that keeps nothing beyond the life of the process: for tests, and for hosts that were
//! told not to persist. It passes the same suite as the durable ones.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use partykit_core::{
    BackupReport, CheckReport, CommitError, CommitSeq, Compaction, Entry, Range, ReadError,
    RoomBatch, RoomKey, RoomReader, Store, StoreStats, UpkeepError,
};

use crate::batch::Group;
use crate::key::{VALUE, after_prefix, join, room_prefix};
use crate::scan::{Bounds, Scan, user_key};
use crate::upkeep::{Archive, Tally};

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

    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CommitError::Io("the store is closed".to_owned()));
        }
        let prefix = room_prefix(VALUE, room);
        let mut entries = self.entries.write();
        let mut rest = entries.split_off(&prefix);
        if let Some(after) = after_prefix(&prefix) {
            entries.append(&mut rest.split_off(&after));
        }
        Ok(CommitSeq(self.last.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn stats(&self) -> Result<StoreStats, UpkeepError> {
        let tally = self.tally();
        Ok(StoreStats {
            backend: "memory",
            rooms: tally.rooms,
            keys: tally.keys,
            content_bytes: tally.bytes,
            disk_bytes: 0,
            free_bytes: Some(0),
        })
    }

    fn check(&self) -> Result<CheckReport, UpkeepError> {
        let tally = self.tally();
        Ok(CheckReport {
            rooms: tally.rooms,
            keys: tally.keys,
            ..CheckReport::default()
        })
    }

    fn compact(&self) -> Result<Compaction, UpkeepError> {
        Err(UpkeepError::Unsupported {
            backend: "memory",
            what: "make its files smaller".to_owned(),
            instead: "it has none",
        })
    }

    fn backup(&self, file: &Path) -> Result<BackupReport, UpkeepError> {
        let mut archive = Archive::create(file)?;
        for (key, value) in self.entries.read().iter() {
            archive.add(key, value)?;
        }
        archive.finish()
    }
}

impl MemoryStore {
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (key, value) in self.entries.read().iter() {
            tally.add(key, value.len() as u64);
        }
        tally
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
