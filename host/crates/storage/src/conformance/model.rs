//! Random commits of several rooms against a map and an alarm for each: values, deletions of one
//! key, of everything and of a whole room, alarms at the same and at other times, batches that are
//! refused in the middle of a group.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Alarm, Range, RoomAlarm, RoomBatch, RoomKey, Store, WriteOp};

use super::Opener;
use super::ranges::{any_range, expected};
use super::sample::{
    Random, alarm_of, batch, delete, delete_all, entries, no_alarm, pending, put, room, sound,
};

const SEED: u64 = 0xc0_ffee;

#[derive(Default, Clone)]
struct State {
    values: BTreeMap<String, Bytes>,
    alarm: Option<Alarm>,
}

struct Model {
    random: Random,
    rooms: Vec<(RoomKey, State)>,
}

impl Model {
    fn new() -> Self {
        let rooms = ["a", "aa", "b"].map(|name| (room(name), State::default()));
        Self {
            random: Random::new(SEED),
            rooms: rooms.into(),
        }
    }

    fn commit(&mut self, store: &dyn Store) {
        if self.random.below(30) == 0 {
            let which = self.random.below(self.rooms.len());
            if let Some((room, state)) = self.rooms.get_mut(which) {
                assert!(store.delete_room(room).is_ok());
                *state = State::default();
            }
        }
        let (mut group, mut refused, mut expected) = (Vec::new(), HashSet::new(), Vec::new());
        for _ in 0..=self.random.below(4) {
            let which = self.random.below(self.rooms.len());
            let (batch, is_refused) = self.batch(which, refused.contains(&which));
            if is_refused {
                refused.insert(which);
            }
            expected.push(is_refused);
            group.push(batch);
        }
        let results = store.commit(group);
        let found: Vec<bool> = results.iter().map(Result::is_err).collect();
        assert_eq!(found, expected, "seed {SEED:#x}: {results:?}");
    }

    /// A batch of a room, and whether it will be refused: because of itself or one before it.
    fn batch(&mut self, which: usize, after_a_refused_one: bool) -> (RoomBatch, bool) {
        let (room, state) = &mut self.rooms[which];
        let mut next = state.clone();
        let count = self.random.below(12);
        let mut writes: Vec<WriteOp> = (0..count)
            .map(|_| write(&mut self.random, &mut next))
            .collect();
        let too_long = self.random.below(40) == 0;
        if too_long {
            let place = self.random.below(writes.len() + 1);
            writes.insert(place, put(&"k".repeat(2049), "refused"));
        }
        let refused = too_long || after_a_refused_one;
        if !refused {
            *state = next;
        }
        (batch(room, writes), refused)
    }

    fn check(&mut self, store: &dyn Store, round: usize) {
        for (room, state) in &self.rooms {
            for range in [Range::default(), any_range(&mut self.random)] {
                let same = entries(store, room, &range) == expected(&state.values, &range);
                assert!(
                    same,
                    "seed {SEED:#x}, round {round}, {room}: {range:?} differs"
                );
            }
            let found = alarm_of(store, room);
            assert_eq!(found, state.alarm, "seed {SEED:#x}, round {round}, {room}");
        }
        let alarms = self.rooms.iter().filter_map(|(room, state)| {
            let (at_ms, room) = (state.alarm?.at_ms, room.clone());
            Some((at_ms, room))
        });
        let found = pending(store);
        assert!(found.is_sorted_by_key(|alarm| alarm.at_ms), "{found:?}");
        let found = found.into_iter();
        let found: Vec<_> = found
            .map(|RoomAlarm { at_ms, room }| (at_ms, room))
            .collect();
        let (one, other): (BTreeSet<_>, BTreeSet<_>) =
            (alarms.collect(), found.iter().cloned().collect());
        assert_eq!(one, other, "seed {SEED:#x}, round {round}");
        assert_eq!(other.len(), found.len(), "each once");
        let something = |state: &State| !state.values.is_empty() || state.alarm.is_some();
        let mut rooms = store.rooms(None, 10).unwrap_or_default();
        rooms.sort_unstable();
        let expected = self.rooms.iter().filter(|(_, state)| something(state));
        let expected: Vec<RoomKey> = expected.map(|(room, _)| room.clone()).collect();
        assert_eq!(rooms, expected, "seed {SEED:#x}, round {round}");
        sound(store);
    }
}

fn write(random: &mut Random, state: &mut State) -> WriteOp {
    match random.below(60) {
        0 => {
            state.values.clear();
            return delete_all();
        }
        1 => {
            state.alarm = None;
            return no_alarm();
        }
        2..=5 => {
            // Few times, so that several rooms have the same one.
            let (at_ms, failures) = (random.below(6) as u64, random.below(3) as u32);
            state.alarm = Some(Alarm { at_ms, failures });
            return WriteOp::Alarm(state.alarm);
        }
        _ => {}
    }
    let key = random.key();
    if random.below(3) == 0 {
        state.values.remove(&key);
        return delete(&key);
    }
    let value = random.value();
    state.values.insert(key.clone(), value.clone());
    put(&key, value)
}

pub(super) fn random_commits(open: Opener<'_>) {
    let (store, mut model) = (open(), Model::new());
    for round in 0..150 {
        model.commit(&*store);
        if round % 5 == 4 {
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
