//! The thread that commits for all rooms: whatever was submitted while the last commit ran becomes
//! the next one, so that one fsync serves many rooms and a lone room waits for nobody.
//!
//! Owns the order of each room's batches and what follows from a failure: once a batch of a room
//! has failed, every other batch of the same generation fails too, whether it was queued by then
//! or is submitted later, until the room has reset and submits with a greater generation. That is
//! the memory of a [`CommitLane`], which lives as long as one life of the room. Knows no engine
//! and no runtime: it is a plain thread, and results are calls made on it.
//!
//! Bound: what is queued is not limited here but by each room (`uncommitted_bytes_max`); what is
//! taken into one commit is.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use partykit_core::{CommitError, CommitSeq, RoomBatch, Store};

use crate::batch::write_bytes;

/// Most batches of one commit. A thousand small ones cost about as much as the fsync that they
/// share; more would only make the first of them wait longer.
const GROUP_BATCHES_MAX: usize = 1024;

/// With so many bytes a group takes no further batch (one batch may be larger by itself). Readers
/// wait while a group is applied, and its writing dwarfs the fsync by then.
const GROUP_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Called once with the result of a batch, on the committing thread: it must not block, because
/// every room waits for it.
pub type OnDone = Box<dyn FnOnce(Result<CommitSeq, CommitError>) + Send>;

/// Owns the committing thread.
pub struct Committer {
    queue: Arc<Queue>,
    store: Arc<dyn Store>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One life of one room, as the committer sees it. All batches of that room go through it.
pub struct CommitLane {
    queue: Arc<Queue>,
    failure: Arc<Failure>,
}

/// The greatest generation of which a batch has failed.
#[derive(Default)]
struct Failure(Mutex<Option<u64>>);

struct Job {
    generation: u64,
    batch: RoomBatch,
    bytes: u64,
    failure: Arc<Failure>,
    on_done: OnDone,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closing: bool,
}

impl Committer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(store: Arc<dyn Store>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let thread = {
            let (queue, store) = (queue.clone(), store.clone());
            let builder = std::thread::Builder::new().name("commit".to_owned());
            builder.spawn(move || run(&queue, &*store))?
        };
        Ok(Self {
            queue,
            store,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A way in for a room that begins a life.
    #[must_use]
    pub fn lane(&self) -> CommitLane {
        CommitLane {
            queue: self.queue.clone(),
            failure: Arc::default(),
        }
    }

    /// Commits everything that was submitted, ends the thread and closes the store. Batches
    /// submitted later fail. Doing it again does nothing. Not to be called from an [`OnDone`].
    ///
    /// # Errors
    /// The store could not be closed properly.
    pub fn shutdown(&self) -> Result<(), CommitError> {
        let Some(thread) = self.thread.lock().take() else {
            return Ok(());
        };
        self.queue.jobs.lock().closing = true;
        self.queue.changed.notify_all();
        let ended = thread.join();
        let closed = self.store.close();
        ended.map_err(|_| CommitError::Io("the committing thread failed".to_owned()))?;
        closed
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Whoever wants to know the result calls it before.
        drop(self.shutdown());
    }
}

impl CommitLane {
    /// Queues a batch. Batches of a lane are committed in the order of these calls. `generation`
    /// starts anywhere and grows each time the room has reset because a batch failed.
    ///
    /// `on_done` is called on the committing thread; on the calling one only after shutdown.
    pub fn submit(&self, generation: u64, batch: RoomBatch, on_done: OnDone) {
        let bytes = batch.writes.iter().map(write_bytes).sum();
        let failure = self.failure.clone();
        let job = Job {
            generation,
            batch,
            bytes,
            failure,
            on_done,
        };
        let mut jobs = self.queue.jobs.lock();
        if jobs.closing {
            drop(jobs);
            return job.end(Err(CommitError::Io("the host is shutting down".to_owned())));
        }
        jobs.waiting.push_back(job);
        drop(jobs);
        self.queue.changed.notify_one();
    }
}

impl Failure {
    fn covers(&self, generation: u64) -> bool {
        self.0.lock().is_some_and(|failed| generation <= failed)
    }

    fn record(&self, generation: u64) {
        let mut failed = self.0.lock();
        *failed = (*failed).max(Some(generation));
    }
}

impl Job {
    fn end(self, result: Result<CommitSeq, CommitError>) {
        self.ticket().1.end(result);
    }

    /// What the store needs, and what is left for its answer.
    fn ticket(self) -> (RoomBatch, Ticket) {
        let Self {
            generation,
            batch,
            failure,
            on_done,
            ..
        } = self;
        (
            batch,
            Ticket {
                generation,
                failure,
                on_done,
            },
        )
    }
}

/// A batch whose answer is owed.
struct Ticket {
    generation: u64,
    failure: Arc<Failure>,
    on_done: OnDone,
}

impl Ticket {
    fn end(self, result: Result<CommitSeq, CommitError>) {
        if result.is_err() {
            self.failure.record(self.generation);
        }
        // One room's bug must not end the thread that all rooms commit on; the panic itself is
        // reported by the process's hook.
        drop(catch_unwind(AssertUnwindSafe(move || {
            (self.on_done)(result)
        })));
    }
}

fn run(queue: &Queue, store: &dyn Store) {
    while let Some(jobs) = queue.next_group() {
        commit(store, jobs);
    }
}

impl Queue {
    /// Waits for work; none when there is none left and the committer is closing.
    fn next_group(&self) -> Option<Vec<Job>> {
        let mut jobs = self.jobs.lock();
        while jobs.waiting.is_empty() {
            if jobs.closing {
                return None;
            }
            self.changed.wait(&mut jobs);
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX {
            let Some(job) = jobs.waiting.pop_front() else {
                break;
            };
            bytes += job.bytes;
            group.push(job);
        }
        Some(group)
    }
}

fn commit(store: &dyn Store, jobs: Vec<Job>) {
    let (mut batches, mut tickets) = (Vec::new(), Vec::new());
    for job in jobs {
        if job.failure.covers(job.generation) {
            let text = "an earlier batch of this room failed, and the room has not reset since";
            job.end(Err(CommitError::Io(text.to_owned())));
            continue;
        }
        let (batch, ticket) = job.ticket();
        batches.push(batch);
        tickets.push(ticket);
    }
    if batches.is_empty() {
        return;
    }
    let results = catch_unwind(AssertUnwindSafe(|| store.commit(batches))).unwrap_or_default();
    // A store that panicked has no results: it cannot say what became of the batches.
    let unknown = || {
        Err(CommitError::Ambiguous(
            "the store failed while committing".to_owned(),
        ))
    };
    let results = results.into_iter().chain(std::iter::repeat_with(unknown));
    for (ticket, result) in tickets.into_iter().zip(results) {
        ticket.end(result);
    }
}
