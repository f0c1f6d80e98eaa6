//! Many rooms that each commit, wait for the disk, and commit again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use partykit_core::{
    CommitError, CommitSeq, PartyName, ProjectName, ReadError, RoomAlarm, RoomBatch, RoomId,
    RoomKey, RoomReader, Store, WriteOp,
};
use partykit_storage::{CommitLane, Committer, StorageConfig, open};

use crate::failure::Failure;

/// A commit writes so many keys, each a value of so many bytes.
const KEYS: usize = 3;
const VALUE_BYTES: usize = 100;

/// A room writes its keys in turn, so that most commits replace something.
const KEYS_OF_A_ROOM: u64 = 300;

/// What a run came to.
pub(crate) struct Commits {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Commits that shared a flush, on average.
    pub(crate) in_a_group: f64,
}

/// Counts the calls of the committing thread.
struct Counting {
    store: Arc<dyn Store>,
    groups: AtomicU64,
}

impl Store for Counting {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.store.commit(batches)
    }

    fn reader(&self, room: &RoomKey) -> Box<dyn RoomReader> {
        self.store.reader(room)
    }

    fn alarms(
        &self,
        after: Option<&RoomAlarm>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<RoomAlarm>, ReadError> {
        self.store.alarms(after, until_ms, limit)
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        self.store.rooms(after, limit)
    }

    fn close(&self) -> Result<(), CommitError> {
        self.store.close()
    }
}

struct OneRoom {
    key: RoomKey,
    lane: CommitLane,
    commits: u64,
    handed_in: Instant,
}

type Answer = (usize, Result<CommitSeq, CommitError>);

/// Measures for about `budget` after a fifth of it to warm up.
///
/// # Errors
/// A commit failed, or there is no store.
pub(crate) fn measure(
    backend: &str,
    dir: &Path,
    rooms: usize,
    budget: Duration,
) -> Result<Commits, Failure> {
    let store = Arc::new(Counting {
        store: open(&StorageConfig::named(backend, dir)?)?,
        groups: AtomicU64::new(0),
    });
    let committer = Committer::start(store.clone())?;
    let (answer, answers) = channel();
    let mut all = Vec::new();
    for number in 0..rooms {
        all.push(OneRoom {
            key: room(number)?,
            lane: committer.lane(),
            commits: 0,
            handed_in: Instant::now(),
        });
    }
    for (index, room) in all.iter_mut().enumerate() {
        room.commit(index, &answer);
    }
    let mut round = |budget| go_on(&mut all, (&answer, &answers), budget);
    round(budget / 5)?;
    let groups = store.groups.load(Ordering::Relaxed);
    let begun = Instant::now();
    let mut took = round(budget)?;
    let seconds = begun.elapsed().as_secs_f64();
    let groups = store.groups.load(Ordering::Relaxed) - groups;
    committer.shutdown()?;
    took.sort_unstable();
    let at = |part: f64| {
        let index = (took.len() as f64 * part) as usize;
        took.get(index)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    };
    Ok(Commits {
        per_second: took.len() as f64 / seconds,
        p50_us: at(0.5),
        p99_us: at(0.99),
        in_a_group: took.len() as f64 / groups.max(1) as f64,
    })
}

/// Answers come, and each is followed by the next commit of its room. How long each took.
fn go_on(
    rooms: &mut [OneRoom],
    (answer, answers): (&Sender<Answer>, &Receiver<Answer>),
    budget: Duration,
) -> Result<Vec<Duration>, Failure> {
    let (end, mut took) = (Instant::now() + budget, Vec::new());
    while Instant::now() < end {
        let (index, result) = answers.recv()?;
        result?;
        let room = rooms.get_mut(index).ok_or("an answer for nobody")?;
        took.push(room.handed_in.elapsed());
        room.commit(index, answer);
    }
    Ok(took)
}

impl OneRoom {
    fn commit(&mut self, index: usize, answer: &Sender<Answer>) {
        let first = self.commits * KEYS as u64;
        let writes = (first..first + KEYS as u64).map(|number| WriteOp::Put {
            key: format!("key{:06}", number % KEYS_OF_A_ROOM),
            value: vec![number as u8; VALUE_BYTES].into(),
        });
        let batch = RoomBatch {
            room: self.key.clone(),
            epoch: 1,
            writes: writes.collect(),
        };
        self.commits += 1;
        self.handed_in = Instant::now();
        let answer = answer.clone();
        // Nobody listens any more at the end.
        let on_done = Box::new(move |result| drop(answer.send((index, result))));
        self.lane.submit(0, batch, on_done);
    }
}

/// # Errors
/// Never: the names are ours.
pub(crate) fn room(number: usize) -> Result<RoomKey, Failure> {
    Ok(RoomKey {
        project: ProjectName::parse("bench")?,
        party: PartyName::main(),
        room: RoomId::parse(&format!("room{number:05}"))?,
    })
}
