//! The smallest store: a map. What is committed is there at once; whether and when a commit
//! happens is the test's decision, since a room only asks for it by an action.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use partykit_core::{
    CommitError, CommitSeq, Entry, Range, ReadError, RoomBatch, RoomKey, RoomReader, Store, WriteOp,
};

type Rooms = BTreeMap<RoomKey, BTreeMap<String, Bytes>>;

/// Committed values of any number of rooms.
#[derive(Debug, Clone, Default)]
pub struct MapStore {
    rooms: Arc<Mutex<Rooms>>,
}

impl MapStore {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything a room has, as text.
    #[must_use]
    pub fn dump(&self, room: &RoomKey) -> BTreeMap<String, String> {
        let rooms = self.rooms();
        let entries = rooms.get(room).into_iter().flatten();
        entries
            .map(|(k, v)| (k.clone(), String::from_utf8_lossy(v).into_owned()))
            .collect()
    }
}

impl Store for MapStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        let mut rooms = self.rooms();
        let mut commit = |batch: RoomBatch| {
            let room = rooms.entry(batch.room).or_default();
            for write in batch.writes {
                match write {
                    WriteOp::Put { key, value } => room.insert(key, value),
                    WriteOp::Delete { key } => room.remove(&key),
                };
            }
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

    fn close(&self) -> Result<(), CommitError> {
        Ok(())
    }
}

struct MapReader {
    store: MapStore,
    room: RoomKey,
}

impl RoomReader for MapReader {
    fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        Ok(self
            .store
            .rooms()
            .get(&self.room)
            .and_then(|room| room.get(key))
            .cloned())
    }

    fn range(&self, range: &Range) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let rooms = self.store.rooms();
        let wanted = |key: &String| {
            range.start.as_ref().is_none_or(|start| key >= start)
                && range.end.as_ref().is_none_or(|end| key < end)
                && range
                    .prefix
                    .as_ref()
                    .is_none_or(|prefix| key.starts_with(prefix))
        };
        let entries = rooms.get(&self.room).into_iter().flatten();
        let mut found: Vec<Entry> = entries
            .filter(|(k, _)| wanted(k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if range.reverse {
            found.reverse();
        }
        let limit = range.limit.map_or(usize::MAX, |limit| limit as usize);
        Box::new(found.into_iter().take(limit).map(Ok))
    }
}
