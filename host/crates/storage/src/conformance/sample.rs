//! Rooms, batches and random choices that the cases are made of.

use bytes::Bytes;
use partykit_core::{
    Alarm, Entry, PartyName, ProjectName, Range, RoomAlarm, RoomBatch, RoomId, RoomKey, Store,
    WriteOp,
};

/// xorshift64*: the same sequence for the same seed, everywhere.
pub struct Random(u64);

impl Random {
    /// Any seed but zero.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number below `max`.
    pub fn below(&mut self, max: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % max.max(1)
    }

    /// A text of few letters, so that prefixes, neighbours and repetitions are frequent.
    pub fn key(&mut self) -> String {
        const LETTERS: [char; 6] = ['\0', 'a', 'b', '\u{7f}', '\u{ffff}', '\u{10ffff}'];
        let len = self.below(5);
        (0..len)
            .filter_map(|_| LETTERS.get(self.below(LETTERS.len())))
            .collect()
    }

    /// Mostly small, sometimes of several pieces.
    pub fn value(&mut self) -> Bytes {
        let len = match self.below(20) {
            0 => 16_000 + self.below(1000),
            1 => self.below(140_000),
            _ => self.below(200),
        };
        Bytes::from(vec![self.below(256) as u8; len])
    }
}

/// A room of that name.
///
/// # Panics
/// The name is no room name.
#[must_use]
#[expect(clippy::expect_used, reason = "the names are the test's own")]
pub fn room(name: &str) -> RoomKey {
    RoomKey {
        project: ProjectName::parse("suite").expect("a legal name"),
        party: PartyName::main(),
        room: RoomId::parse(name).expect("a legal name"),
    }
}

/// A batch of one room.
#[must_use]
pub fn batch(room: &RoomKey, writes: Vec<WriteOp>) -> RoomBatch {
    RoomBatch {
        room: room.clone(),
        epoch: 1,
        writes,
    }
}

/// A write.
#[must_use]
pub fn put(key: &str, value: impl Into<Bytes>) -> WriteOp {
    WriteOp::Put {
        key: key.to_owned(),
        value: value.into(),
    }
}

/// A deletion.
#[must_use]
pub fn delete(key: &str) -> WriteOp {
    WriteOp::Delete {
        key: key.to_owned(),
    }
}

/// A deletion of everything.
#[must_use]
pub fn delete_all() -> WriteOp {
    WriteOp::DeleteAll
}

/// An alarm that has not failed yet.
#[must_use]
pub fn alarm(at_ms: u64) -> WriteOp {
    let failures = 0;
    WriteOp::Alarm(Some(Alarm { at_ms, failures }))
}

/// An alarm is forgotten.
#[must_use]
pub fn no_alarm() -> WriteOp {
    WriteOp::Alarm(None)
}

/// Reads one key.
///
/// # Panics
/// The store cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
pub fn get(store: &dyn Store, room: &RoomKey, key: &str) -> Option<Bytes> {
    store.reader(room).get(key).expect("the store can be read")
}

/// Reads a range.
///
/// # Panics
/// The store cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
pub fn entries(store: &dyn Store, room: &RoomKey, range: &Range) -> Vec<Entry> {
    let entries: Result<Vec<Entry>, _> = store.reader(room).range(range).collect();
    entries.expect("the store can be read")
}

/// Reads a room's alarm.
///
/// # Panics
/// The store cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
pub fn alarm_of(store: &dyn Store, room: &RoomKey) -> Option<Alarm> {
    let alarm = store.reader(room).alarm();
    alarm.expect("the store can be read")
}

/// Reads all alarms that are pending, in several parts.
///
/// # Panics
/// The store cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
pub fn pending(store: &dyn Store) -> Vec<RoomAlarm> {
    const PART: usize = 3;
    let mut all: Vec<RoomAlarm> = Vec::new();
    loop {
        let part = store.alarms(all.last(), u64::MAX, PART);
        let part = part.expect("the store can be read");
        let ended = part.len() < PART;
        all.extend(part);
        if ended {
            return all;
        }
    }
}

/// The store finds nothing wrong with itself.
#[expect(clippy::panic, reason = "a case fails by panicking")]
pub(super) fn sound(store: &dyn Store) {
    match store.check() {
        Ok(report) if report.is_sound() => {}
        other => panic!("the store is damaged: {other:?}"),
    }
}

/// Commits one batch.
#[expect(clippy::panic, reason = "a case fails by panicking")]
pub(super) fn commit(store: &dyn Store, batch: RoomBatch) -> partykit_core::CommitSeq {
    match store.commit(vec![batch]).pop() {
        Some(Ok(seq)) => seq,
        other => panic!("the commit failed: {other:?}"),
    }
}
