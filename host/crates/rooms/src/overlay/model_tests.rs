//! The layers against the plainest thing that keeps their promises: whole copies. What a room does
//! to its storage, in any order and from a seed, must read the same from both.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{
    Alarm, Limits, Page, PartyName, ProjectName, Range, RoomBatch, RoomId, RoomKey, Store,
};

use super::{CacheBudget, Overlay};
use crate::BatchId;
use crate::testing::{MapStore, SeededEntropy};

const SEEDS: u64 = 400;
const STEPS: u64 = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Copy {
    values: BTreeMap<String, Bytes>,
    alarm: Option<Alarm>,
}

struct Both {
    random: SeededEntropy,
    overlay: Overlay,
    store: MapStore,
    key: RoomKey,
    limits: Limits,
    /// What the store holds.
    durable: Copy,
    /// After each batch that is under way.
    batches: VecDeque<(BatchId, RoomBatch, Copy)>,
    /// When the last turn ended.
    ended: Copy,
    /// What the turn sees, and then each open transaction.
    levels: Vec<Copy>,
    last: u64,
}

impl Both {
    fn new(seed: u64) -> Self {
        let random = SeededEntropy::new(seed);
        let mut limits = Limits::default();
        limits.storage_cache_bytes_max = random.below(1000);
        limits.list_page_bytes_max = 1 + random.below(40);
        let budget = Arc::new(CacheBudget::new(random.below(1000)));
        Self {
            overlay: Overlay::new(&limits, budget),
            random,
            store: MapStore::default(),
            key: RoomKey {
                project: ProjectName::parse("test").unwrap(),
                party: PartyName::main(),
                room: RoomId::parse("room").unwrap(),
            },
            limits,
            durable: Copy::default(),
            batches: VecDeque::new(),
            ended: Copy::default(),
            levels: vec![Copy::default()],
            last: 0,
        }
    }

    fn key(&self) -> String {
        // Short ones, so that they meet; the last two sort otherwise in UTF-16.
        let letters = ["", "a", "aa", "ab", "b", "ba", "\u{ffff}", "\u{1f600}"];
        letters[self.random.below(8) as usize].to_owned()
    }

    fn maybe_key(&self) -> Option<String> {
        (self.random.below(2) == 0).then(|| self.key())
    }

    fn top(&mut self) -> &mut Copy {
        self.levels.last_mut().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..30 => self.write(),
            30..34 => {
                self.overlay.delete_all();
                self.top().values.clear();
            }
            34..38 => {
                let at_ms = self.random.below(100);
                let alarm = (at_ms > 50).then_some(Alarm { at_ms, failures: 0 });
                self.overlay.set_alarm(alarm);
                self.top().alarm = alarm;
            }
            38..44 => {
                self.overlay.begin_transaction();
                let copy = self.top().clone();
                self.levels.push(copy);
            }
            44..52 => self.end_transaction(),
            52..66 => self.end_turn(),
            66..78 => self.commit(),
            78..79 => self.poison(),
            79..81 => {
                self.overlay.drop_turn();
                self.levels = vec![self.ended.clone()];
            }
            81..90 => self.get(),
            _ => self.list(),
        }
        let reader = self.store.reader(&self.key);
        let alarm = self.overlay.alarm(reader.as_ref());
        assert_eq!(alarm, Ok(self.top().alarm));
    }

    fn write(&mut self) {
        let key = self.key();
        let value = Bytes::from(vec![b'v'; self.random.below(20) as usize]);
        let value = (self.random.below(3) > 0).then_some(value);
        self.overlay.write(&key, value.clone());
        match value {
            Some(value) => drop(self.top().values.insert(key, value)),
            None => drop(self.top().values.remove(&key)),
        }
    }

    fn end_transaction(&mut self) {
        if self.levels.len() == 1 {
            return;
        }
        let keep = self.random.below(2) == 0;
        self.overlay.end_transaction(keep);
        let level = self.levels.pop().unwrap();
        if keep {
            *self.top() = level;
        }
    }

    fn end_turn(&mut self) {
        self.ended = self.levels[0].clone();
        if !self.overlay.has_turn_writes() {
            return;
        }
        self.last += 1;
        let batch = BatchId(self.last);
        let writes = RoomBatch {
            room: self.key.clone(),
            epoch: 1,
            writes: self.overlay.end_turn(batch),
        };
        let after = self.ended.clone();
        self.batches.push_back((batch, writes, after));
    }

    /// The store has a batch, and perhaps the next one too before the room hears of the first.
    fn commit(&mut self) {
        let mut committed = Vec::new();
        for _ in 0..=self.random.below(2) {
            let Some((batch, writes, after)) = self.batches.pop_front() else {
                break;
            };
            self.store.commit(vec![writes.clone()]);
            self.durable = after;
            committed.push((batch, writes));
        }
        if self.random.below(2) == 0 {
            committed.reverse();
        }
        for (batch, writes) in committed {
            let keys = writes.writes.iter().filter_map(crate::gate::write_key);
            let keys: Vec<_> = keys.map(str::to_owned).collect();
            self.overlay.forget(batch, &keys);
        }
    }

    fn poison(&mut self) {
        self.overlay.forget_all();
        self.batches.clear();
        self.ended = self.durable.clone();
        self.levels = vec![self.durable.clone()];
    }

    fn get(&mut self) {
        let key = self.key();
        let reader = self.store.reader(&self.key);
        let found = self.overlay.get(&key, reader.as_ref());
        assert_eq!(found, Ok(self.top().values.get(&key).cloned()), "{key}");
    }

    fn list(&mut self) {
        let range = Range {
            start: self.maybe_key(),
            end: self.maybe_key(),
            prefix: self.maybe_key(),
            reverse: self.random.below(2) == 0,
            limit: (self.random.below(2) == 0).then(|| 1 + self.random.below(4) as u32),
        };
        let mut expected: Vec<_> = self.top().values.clone().into_iter().collect();
        expected.retain(|(key, _)| {
            range.start.as_ref().is_none_or(|start| key >= start)
                && range.end.as_ref().is_none_or(|end| key < end)
                && range
                    .prefix
                    .as_ref()
                    .is_none_or(|prefix| key.starts_with(prefix.as_str()))
        });
        if range.reverse {
            expected.reverse();
        }
        expected.truncate(range.limit.unwrap_or(u32::MAX) as usize);
        assert_eq!(self.pages(&range), expected, "{range:?}");
    }

    /// All pages of a range, as a guest asks for them.
    fn pages(&self, range: &Range) -> Vec<(String, Bytes)> {
        let reader = self.store.reader(&self.key);
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut rest = range.clone();
            rest.limit = range.limit.map(|limit| limit - found.len() as u32);
            let page = self
                .overlay
                .list(&rest, after.as_deref(), reader.as_ref(), &self.limits);
            let Page { entries, more } = page.unwrap();
            assert!(!entries.is_empty() || more.is_none(), "each page goes on");
            found.extend(entries);
            let is_full = range.limit.is_some_and(|limit| found.len() as u32 == limit);
            if more.is_none() || is_full {
                return found;
            }
            after = more;
        }
    }
}

#[test]
fn every_read_is_that_of_whole_copies_whatever_was_done_before() {
    for seed in 0..SEEDS {
        let mut both = Both::new(seed);
        for _ in 0..STEPS {
            both.step();
        }
    }
}
