//! The smallest store: a map. What is committed is there at once; whether and when a commit
//! happens is the test's decision, since a room only asks for it by an action.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use partykit_core::{
    Alarm, CommitError, CommitSeq, Entry, Range, ReadError, RoomAlarm, RoomBatch, RoomKey,
    RoomReader, Store, WriteOp,
};

#[derive(Debug, Default)]
struct Stored {
    values: BTreeMap<String, Bytes>,
    alarm: Option<Alarm>,
}

impl Stored {
    fn apply(&mut self, write: WriteOp) {
        match write {
            WriteOp::Put { key, value } => drop(self.values.insert(key, value)),
            WriteOp::Delete { key } => drop(self.values.remove(&key)),
            WriteOp::DeleteAll => self.values.clear(),
            WriteOp::Alarm(alarm) => self.alarm = alarm,
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.alarm.is_none()
    }
}

type Rooms = BTreeMap<RoomKey, Stored>;

/// Committed values of any number of rooms.
#[derive(Debug, Clone, Default)]
pub struct MapStore {
    rooms: Arc<Mutex<Rooms>>,
    reads: Arc<AtomicU64>,
}

impl MapStore {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was asked for a value, a range or an alarm.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Everything a room has, as text.
    #[must_use]
    pub fn dump(&self, room: &RoomKey) -> BTreeMap<String, String> {
        let rooms = self.rooms();
        let values = rooms.get(room).into_iter().flat_map(|room| &room.values);
        values
            .map(|(k, v)| (k.clone(), String::from_utf8_lossy(v).into_owned()))
            .collect()
    }
}

impl Store for MapStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        let mut rooms = self.rooms();
        let mut commit = |batch: RoomBatch| {
            let room = rooms.entry(batch.room).or_default();
            batch.writes.into_iter().for_each(|write| room.apply(write));
            Ok(CommitSeq(1))
        };
        batches.into_iter().map(&mut commit).collect()
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        Box::new(MapReader {
            store: self.clone(),
            room: room.clone(),
        })
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        let rooms = self.rooms();
        let alarm = |(key, stored): (&RoomKey, &Stored)| {
            let at_ms = stored.alarm?.at_ms;
            let room = key.clone();
            Some(RoomAlarm { at_ms, room })
        };
        let mut due: Vec<_> = rooms.iter().filter_map(alarm).collect();
        due.retain(|alarm| alarm.at_ms <= until_ms);
        due.sort_by(|a, b| (a.at_ms, &a.room).cmp(&(b.at_ms, &b.room)));
        if let Some(after) = after {
            due.retain(|alarm| (alarm.at_ms, &alarm.room) > (after.at_ms, &after.room));
        }
        due.truncate(limit);
        Ok(due)
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        let rooms = self.rooms();
        let behind = |key: &&RoomKey| after.is_none_or(|after| *key > after);
        let stored = rooms.iter().filter(|(_, stored)| !stored.is_empty());
        let keys = stored.map(|(key, _)| key).filter(behind);
        Ok(keys.take(limit).cloned().collect())
    }

    fn close(&self) -> Result<(), CommitError> {
        Ok(())
    }
}

struct MapReader {
    store: MapStore,
    room: RoomKey,
}

impl MapReader {
    fn read(&self) -> MutexGuard<'_, Rooms> {
        self.store.reads.fetch_add(1, Ordering::Relaxed);
        self.store.rooms()
    }
}

impl RoomReader for MapReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        Ok(self
            .read()
            .get(&self.room)
            .and_then(|room| room.values.get(key))
            .cloned())
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let rooms = self.read();
        let wanted = |key: &String| {
            range.start.as_ref().is_none_or(|start| key >= start)
                && range.end.as_ref().is_none_or(|end| key < end)
                && range
                    .prefix
                    .as_ref()
                    .is_none_or(|prefix| key.starts_with(prefix))
        };
        let stored = rooms.get(&self.room);
        let values = stored.into_iter().flat_map(|room| &room.values);
        let mut found: Vec<Entry> = values
            .filter(|(k, _)| wanted(k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if range.reverse {
            found.reverse();
        }
        let limit = range.limit.map_or(usize::MAX, |limit| limit as usize);
        Box::new(found.into_iter().take(limit).map(Ok))
    }

    fn alarm(&self) -> Result<Option<Alarm>, ReadError> {
        let rooms = self.read();
        Ok(rooms.get(&self.room).and_then(|room| room.alarm))
    }
}
