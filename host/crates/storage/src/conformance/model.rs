//! Random commits of several rooms against a map for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Range, RoomKey, Store, WriteOp};

use super::Opener;
use super::ranges::{any_range, expected};
use super::sample::{Random, batch, delete, entries, put, room};

const SEED: u64 = 0xc0_ffee;

struct Model {
    random: Random,
    rooms: Vec<(RoomKey, BTreeMap<String, Bytes>)>,
}

impl Model {
    fn new() -> Self {
        let rooms = ["a", "aa", "b"].map(|name| (room(name), BTreeMap::new()));
        Self {
            random: Random::new(SEED),
            rooms: rooms.into(),
        }
    }

    fn commit(&mut self, store: &dyn Store) {
        let mut group = Vec::new();
        for _ in 0..=self.random.below(4) {
            let which = self.random.below(self.rooms.len());
            let Some((room, map)) = self.rooms.get_mut(which) else {
                continue;
            };
            let mut writes = Vec::new();
            for _ in 0..self.random.below(12) {
                writes.push(write(&mut self.random, map));
            }
            group.push(batch(room, writes));
        }
        assert!(store.commit(group).iter().all(Result::is_ok));
    }

    fn check(&mut self, store: &dyn Store, round: usize) {
        for (room, map) in &self.rooms {
            for range in [Range::default(), any_range(&mut self.random)] {
                let same = entries(store, room, &range) == expected(map, &range);
                assert!(
                    same,
                    "seed {SEED:#x}, round {round}, {room}: {range:?} differs"
                );
            }
        }
    }
}

fn write(random: &mut Random, map: &mut BTreeMap<String, Bytes>) -> WriteOp {
    let key = random.key();
    if random.below(3) == 0 {
        map.remove(&key);
        return delete(&key);
    }
    let value = random.value();
    map.insert(key.clone(), value.clone());
    put(&key, value)
}

pub(super) fn random_commits(open: Opener<'_>) {
    let (store, mut model) = (open(), Model::new());
    for round in 0..150 {
        model.commit(&*store);
        if round % 10 == 9 {
            model.check(&*store, round);
        }
    }
}

pub(super) fn random_commits_with_reopenings(open: Opener<'_>) {
    let (mut store, mut model) = (open(), Model::new());
    for round in 0..120 {
        model.commit(&*store);
        if round % 20 == 19 {
            store = reopen(store, open);
            model.check(&*store, round);
        }
    }
}

fn reopen(store: Arc<dyn Store>, open: Opener<'_>) -> Arc<dyn Store> {
    assert_eq!(store.close(), Ok(()));
    drop(store);
    open()
}
