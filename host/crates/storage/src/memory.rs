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
    Alarm, BackupReport, CheckReport, CommitError, CommitSeq, Compaction, Entry, Range, ReadError,
    RoomAlarm, RoomBatch, RoomKey, RoomReader, Store, StoreStats, UpkeepError,
};

use crate::alarm::{self, ALARM, DUE};
use crate::batch::{Applied, Group, RoomWrites, Written, only};
use crate::key::{VALUE, after_prefix, join, names};
use crate::listing;
use crate::scan::{Bounds, Scan, user_key};
use crate::upkeep::{AlarmCheck, Archive, Tally};

type Map = BTreeMap<Vec<u8>, Bytes>;
type Entries = RwLock<Map>;

#[derive(Default)]
pub(crate) struct MemoryStore {
    entries: Arc<Entries>,
    last: AtomicU64,
    closed: AtomicBool,
}

impl MemoryStore {
    fn apply(&self, group: Group) -> Vec<Result<CommitSeq, CommitError>> {
        let mut group = group;
        if self.closed.load(Ordering::Acquire) {
            return group.results(Err(CommitError::Io("the store is closed".to_owned())));
        }
        let mut entries = self.entries.write();
        for (names, writes) in std::mem::take(&mut group.rooms) {
            write(&mut entries, &names, writes);
        }
        let first = self.last.fetch_add(group.len(), Ordering::Relaxed) + 1;
        group.results(Ok(Applied::whole(first)))
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let entries = self.entries.read();
        for (key, value) in of_kind(&entries, VALUE) {
            tally.add(key, value.len() as u64);
        }
        tally.alarms = of_kind(&entries, ALARM).count() as u64;
        tally
    }
}

fn write(entries: &mut Map, names: &[u8], room: RoomWrites) {
    if room.clears {
        remove_all(entries, &join(&[VALUE], names));
    }
    for (key, written) in room.values {
        set(entries, key, written);
    }
    if let Some(wanted) = room.alarm {
        let stored = entries.get(&alarm::record_key(names));
        let stored = stored.and_then(|record| alarm::parse(record));
        for (key, written) in alarm::changes(names, stored, wanted) {
            set(entries, key, written);
        }
    }
}

fn set(entries: &mut Map, key: Vec<u8>, written: Written) {
    match written {
        Some(value) => entries.insert(key, value),
        None => entries.remove(&key),
    };
}

/// Costs what is removed and not a look at what stays.
fn remove_all(entries: &mut Map, prefix: &[u8]) {
    let keys = entries.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
    let keys = keys.map(|(key, _)| key);
    let keys: Vec<Vec<u8>> = keys
        .take_while(|key| key.starts_with(prefix))
        .cloned()
        .collect();
    for key in keys {
        entries.remove(&key);
    }
}

fn of_kind(entries: &Map, kind: u8) -> impl Iterator<Item = (&Vec<u8>, &Bytes)> {
    let bounds = (
        Bound::Included(vec![kind]),
        after_prefix(&[kind]).map_or(Bound::Unbounded, Bound::Excluded),
    );
    entries.range(bounds)
}

impl Store for MemoryStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        self.apply(Group::new(batches))
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(MemoryReader {
            names: names(room),
            entries: self.entries.clone(),
        })
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        let bounds = alarm::due_bounds(after, until_ms);
        if bounds.is_empty() {
            return Ok(Vec::new());
        }
        let found = chunk(&self.entries, &bounds, limit);
        found.iter().map(|(key, _)| alarm::listed(key)).collect()
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        listing::rooms(after, limit, |bounds| {
            let first = chunk(&self.entries, bounds, 1).pop();
            Ok(first.map(|(key, _)| key))
        })
    }

    fn close(&self) -> Result<(), CommitError> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }

    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        only(self.apply(Group::forgetting(room)))
    }

    fn stats(&self) -> Result<StoreStats, UpkeepError> {
        let tally = self.tally();
        Ok(StoreStats {
            backend: "memory",
            rooms: tally.rooms,
            keys: tally.keys,
            alarms: tally.alarms,
            content_bytes: tally.bytes,
            disk_bytes: 0,
            free_bytes: Some(0),
        })
    }

    fn check(&self) -> Result<CheckReport, UpkeepError> {
        let tally = self.tally();
        let mut report = CheckReport {
            rooms: tally.rooms,
            keys: tally.keys,
            ..CheckReport::default()
        };
        let entries = self.entries.read();
        let get = |key: &[u8]| Ok::<_, UpkeepError>(entries.get(key).cloned());
        let mut check = AlarmCheck::new(&mut report, get);
        for (key, value) in of_kind(&entries, ALARM) {
            check.record(key, value)?;
        }
        for (key, _) in of_kind(&entries, DUE) {
            check.due(key)?;
        }
        Ok(report)
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
        let entries = self.entries.read();
        for (key, value) in of_kind(&entries, VALUE) {
            archive.add(key, value)?;
        }
        for (key, value) in of_kind(&entries, ALARM) {
            archive.add_alarm(key, value)?;
        }
        archive.finish()
    }
}

struct MemoryReader {
    /// The room's, as bytes.
    names: Vec<u8>,
    entries: Arc<Entries>,
}

impl MemoryReader {
    fn prefix(&self) -> Vec<u8> {
        join(&[VALUE], &self.names)
    }
}

impl RoomReader for MemoryReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        Ok(self
            .entries
            .read()
            .get(&join(&self.prefix(), key.as_bytes()))
            .cloned())
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let entries = self.entries.clone();
        let fetch = move |bounds: &Bounds, count| Ok(chunk(&entries, bounds, count));
        let room = self.prefix();
        let scan = Scan::new(Bounds::new(&room, range), fetch).map(move |entry| {
            let (key, value) = entry?;
            Ok((user_key(&room, &key)?, value))
        });
        match range.limit {
            Some(limit) => Box::new(scan.take(limit as usize)),
            None => Box::new(scan),
        }
    }

    fn alarm(&self) -> Result<Option<Alarm>, ReadError> {
        let key = alarm::record_key(&self.names);
        let entries = self.entries.read();
        let record = entries.get(&key);
        record.map(|record| alarm::read(&key, record)).transpose()
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
