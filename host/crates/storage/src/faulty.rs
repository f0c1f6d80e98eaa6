//! A store that does what a test tells it: waits, fails, or leaves open whether it has written.
//!
//! Wraps a real one, so that what is read afterwards is what was really written.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use partykit_core::{
    CommitError, CommitSeq, ReadError, RoomAlarm, RoomBatch, RoomKey, RoomReader, Store,
};

/// What is to happen to one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is committed.
    None,
    /// It fails with this error and is not written.
    Fails(CommitError),
    /// The answer is `Ambiguous`, and it is written.
    AmbiguousWritten,
    /// The answer is `Ambiguous`, and it is not written.
    AmbiguousLost,
}

/// See the module's page.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    /// Commits that have begun and wait for `release`.
    waiting: usize,
    faults: VecDeque<Fault>,
    groups: Vec<usize>,
}

impl FaultyStore {
    /// Without faults at first.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// From now on commits wait before anything is written.
    pub fn hold(&self) {
        self.state.lock().held = true;
    }

    /// Lets held and later commits go on.
    pub fn release(&self) {
        self.state.lock().held = false;
        self.changed.notify_all();
    }

    /// Blocks until a commit is being held.
    pub fn wait_until_held(&self) {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            self.changed.wait(&mut state);
        }
    }

    /// What is to happen to the next batches, one after the other; those after them are committed.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().faults.extend(faults);
    }

    /// How many batches each commit so far had.
    #[must_use]
    pub fn groups(&self) -> Vec<usize> {
        self.state.lock().groups.clone()
    }

    fn wait_while_held(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        while state.held {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
    }

    fn next_fault(&self) -> Fault {
        self.state.lock().faults.pop_front().unwrap_or(Fault::None)
    }

    fn commit_one(&self, batch: RoomBatch, fault: Fault) -> Result<CommitSeq, CommitError> {
        let ambiguous = || CommitError::Ambiguous("so the test wanted".to_owned());
        match fault {
            Fault::Fails(error) => return Err(error),
            Fault::AmbiguousLost => return Err(ambiguous()),
            Fault::None | Fault::AmbiguousWritten => {}
        }
        let result = self.inner.commit(vec![batch]).pop();
        let result = result.unwrap_or_else(|| Err(ambiguous()))?;
        if fault == Fault::None {
            Ok(result)
        } else {
            Err(ambiguous())
        }
    }
}

impl Store for FaultyStore {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        self.state.lock().groups.push(batches.len());
        self.wait_while_held();
        let mut failed: HashSet<RoomKey> = HashSet::new();
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            let room = batch.room.clone();
            let result = if failed.contains(&room) {
                Err(CommitError::Io(
                    "a batch of this room before it failed".to_owned(),
                ))
            } else {
                self.commit_one(batch, self.next_fault())
            };
            if result.is_err() {
                failed.insert(room);
            }
            results.push(result);
        }
        results
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        self.inner.reader(room)
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        self.inner.alarms(after, until_ms, limit)
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        self.inner.rooms(after, limit)
    }

    fn close(&self) -> Result<(), CommitError> {
        self.inner.close()
    }

    fn delete_room(&self, room: &RoomKey) -> Result<CommitSeq, CommitError> {
        self.inner.delete_room(room)
    }
}
