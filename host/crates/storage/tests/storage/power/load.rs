//! What a store is made to do, what its rooms should have at each moment, and whether they do.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{Alarm, Range, RoomAlarm, RoomBatch, RoomKey, Store, UpkeepError, WriteOp};
use partykit_storage::conformance::{Random, batch, delete, delete_all, no_alarm, put, room};

use crate::trace::{Mark, Watch};

/// Those of the store of an older format are among them.
const ROOMS: [&str; 6] = ["a", "aa", "b", "c", "d", "only"];

/// What a room has.
#[derive(Clone, Default, PartialEq, Eq)]
struct State {
    values: BTreeMap<String, Bytes>,
    alarm: Option<Alarm>,
}

/// One room: all the states it has had, and by which commit each came.
struct RoomHistory {
    key: RoomKey,
    states: Vec<(usize, State)>,
}

/// The rooms of one store over one trace.
pub(crate) struct Load {
    rooms: Vec<RoomHistory>,
    commits: usize,
    /// Of how many values one is large. Some loads write so much that space is used again.
    large_one_in: usize,
}

impl Load {
    /// Takes up what is in the store: nothing, or what an earlier load has left.
    pub(crate) fn of(store: &dyn Store, random: &mut Random) -> Self {
        let rooms = ROOMS.map(|name| {
            let key = room(name);
            let state = read(store, &key).unwrap();
            RoomHistory {
                key,
                states: vec![(0, state)],
            }
        });
        Self {
            rooms: rooms.into(),
            commits: 0,
            large_one_in: if random.below(5) == 0 { 3 } else { 40 },
        }
    }

    /// Commits once, with marks before and after.
    pub(crate) fn commit(&mut self, store: &dyn Store, watch: &Watch, random: &mut Random) {
        self.commits += 1;
        let number = self.commits;
        if random.below(40) == 0 {
            // Whatever the loss of power leaves of it, the rooms have what they had. sled cannot.
            let compacted = store.compact();
            let cannot = matches!(compacted, Err(UpkeepError::Unsupported { .. }));
            assert!(cannot || compacted.is_ok(), "{compacted:?}");
        }
        if random.below(25) == 0 {
            let which = random.below(self.rooms.len());
            let room = &mut self.rooms[which];
            room.states.push((number, State::default()));
            watch.mark(Mark::Begun(number));
            store.delete_room(&room.key).unwrap();
        } else {
            let batches = (0..=random.below(4)).map(|_| self.batch(number, random));
            let batches: Vec<RoomBatch> = batches.collect();
            watch.mark(Mark::Begun(number));
            let results = store.commit(batches);
            assert!(results.iter().all(Result::is_ok), "{results:?}");
        }
        watch.mark(Mark::Acknowledged(number));
    }

    fn batch(&mut self, number: usize, random: &mut Random) -> RoomBatch {
        let which = random.below(self.rooms.len());
        let room = &mut self.rooms[which];
        let mut state = room.states.last().unwrap().1.clone();
        let large = self.large_one_in;
        let writes = (0..1 + random.below(6)).map(|_| write(&mut state, large, random));
        let batch = batch(&room.key, writes.collect());
        room.states.push((number, state));
        batch
    }

    /// Whether every room is in a state that it may be in when the commits up to `acknowledged`
    /// had been acknowledged and those up to `begun` handed in.
    pub(crate) fn check(
        &self,
        store: &Arc<dyn Store>,
        acknowledged: usize,
        begun: usize,
    ) -> Result<(), String> {
        let mut alarms = Vec::new();
        for room in &self.rooms {
            let found = read(&**store, &room.key)?;
            let at_ms = found.alarm.map(|alarm| alarm.at_ms);
            alarms.extend(at_ms.map(|at_ms| (at_ms, room.key.clone())));
            let first = room
                .states
                .iter()
                .rposition(|(number, _)| *number <= acknowledged);
            let mut possible = room.states[first.unwrap()..]
                .iter()
                .take_while(|(number, _)| *number <= begun);
            if !possible.any(|(_, state)| *state == found) {
                return Err(room.what_is_wrong(&found, acknowledged, begun));
            }
        }
        let pending = store.alarms(None, u64::MAX, usize::MAX);
        let pending = pending.map_err(|error| format!("what is pending: {error}"))?;
        let pending = pending.into_iter();
        let mut pending: Vec<_> = pending
            .map(|RoomAlarm { at_ms, room }| (at_ms, room))
            .collect();
        pending.sort_unstable();
        alarms.sort_unstable();
        if pending == alarms {
            Ok(())
        } else {
            Err(format!("{pending:?} are pending, set are {alarms:?}"))
        }
    }
}

impl RoomHistory {
    fn what_is_wrong(&self, found: &State, acknowledged: usize, begun: usize) -> String {
        let earlier = self.states.iter().find(|(_, state)| state == found);
        let what = match earlier {
            Some((number, _)) => format!("is as after commit {number}"),
            None => format!(
                "has {} keys and the alarm {:?} in a mixture of states",
                found.values.len(),
                found.alarm
            ),
        };
        let room = &self.key;
        format!("{room} {what}; {acknowledged} were acknowledged, {begun} begun")
    }
}

fn write(state: &mut State, large_one_in: usize, random: &mut Random) -> WriteOp {
    match random.below(40) {
        0 => {
            state.values.clear();
            return delete_all();
        }
        1 => {
            state.alarm = None;
            return no_alarm();
        }
        2..=6 => {
            let (at_ms, failures) = (random.below(50) as u64, random.below(4) as u32);
            state.alarm = Some(Alarm { at_ms, failures });
            return WriteOp::Alarm(state.alarm);
        }
        _ => {}
    }
    let key = format!("key{:02}", random.below(24));
    if random.below(4) == 0 {
        state.values.remove(&key);
        return delete(&key);
    }
    let len = match (random.below(large_one_in), random.below(8)) {
        (0, _) => 16_000 + random.below(160_000),
        (_, 0) => random.below(9000),
        _ => random.below(250),
    };
    let first = random.below(256);
    let value: Bytes = (0..len).map(|at| (first + at / 7 + at) as u8).collect();
    state.values.insert(key.clone(), value.clone());
    put(&key, value)
}

fn read(store: &dyn Store, room: &RoomKey) -> Result<State, String> {
    let reader = store.reader(room);
    let failed = |error| format!("{room} cannot be read: {error}");
    let values: Result<_, _> = reader.range(&Range::default()).collect();
    Ok(State {
        values: values.map_err(failed)?,
        alarm: reader.alarm().map_err(failed)?,
    })
}
