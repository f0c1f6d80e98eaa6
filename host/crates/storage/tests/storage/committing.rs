//! The committer: groups, order, failures that stick to a generation, the end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use partykit_core::{
    CommitError, CommitSeq, ReadError, RoomAlarm, RoomBatch, RoomKey, RoomReader, Store,
};
use partykit_storage::conformance::{batch, get, put, room};
use partykit_storage::{CommitLane, Committer, Fault, FaultyStore, OnDone};

use crate::memory;

type Answer = (&'static str, Result<CommitSeq, CommitError>);

struct Bench {
    store: Arc<FaultyStore>,
    committer: Committer,
    answers: (Sender<Answer>, Receiver<Answer>),
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(FaultyStore::new(memory()));
        let committer = Committer::start(store.clone()).unwrap();
        Self {
            store,
            committer,
            answers: channel(),
        }
    }

    fn on_done(&self, name: &'static str) -> OnDone {
        let answers = self.answers.0.clone();
        Box::new(move |result| answers.send((name, result)).unwrap())
    }

    /// Writes its own name under `k`.
    fn submit(&self, lane: &CommitLane, generation: u64, room: &RoomKey, name: &'static str) {
        lane.submit(
            generation,
            batch(room, vec![put("k", name)]),
            self.on_done(name),
        );
    }

    fn answer(&self) -> Answer {
        self.answers.1.recv().unwrap()
    }
}

#[test]
fn what_is_queued_while_a_commit_runs_is_one_group() {
    let bench = Bench::new();
    let lanes = [bench.committer.lane(), bench.committer.lane()];
    bench.store.hold();
    bench.submit(&lanes[0], 0, &room("a"), "first");
    bench.store.wait_until_held();
    for name in ["second", "third", "fourth"] {
        bench.submit(&lanes[0], 0, &room("a"), name);
        bench.submit(&lanes[1], 0, &room("b"), name);
    }
    assert!(
        bench.answers.1.try_recv().is_err(),
        "nothing is answered before its commit"
    );
    bench.store.release();
    let answers: Vec<Answer> = (0..7).map(|_| bench.answer()).collect();
    assert!(answers.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(bench.store.groups(), [1, 6]);
    assert_eq!(get(&*bench.store, &room("a"), "k").unwrap(), "fourth");
}

#[test]
fn groups_are_bounded_in_batches_and_in_bytes_and_keep_the_order() {
    let bench = Bench::new();
    let (lane, room) = (bench.committer.lane(), room("a"));
    bench.store.hold();
    bench.submit(&lane, 0, &room, "first");
    bench.store.wait_until_held();
    let (done, order) = channel();
    let submit = |index: usize, bytes: usize| {
        let done = done.clone();
        let writes = vec![
            put("last", index.to_string()),
            put("filler", vec![0; bytes]),
        ];
        lane.submit(
            0,
            batch(&room, writes),
            Box::new(move |_| done.send(index).unwrap()),
        );
    };
    (0..2500).for_each(|index| submit(index, 1));
    (2500..2512).for_each(|index| submit(index, 1_500_000));
    bench.store.release();
    assert_eq!(
        order.iter().take(2512).collect::<Vec<_>>(),
        (0..2512).collect::<Vec<_>>()
    );
    let groups = bench.store.groups();
    assert_eq!(groups[..3], [1, 1024, 1024]);
    assert_eq!(
        groups[3],
        2500 - 2048 + 3,
        "three large ones are above the bound"
    );
    assert_eq!(groups[4..], [3, 3, 3]);
    assert_eq!(get(&*bench.store, &room, "last").unwrap(), "2511");
}

#[test]
fn after_a_failure_a_room_must_reset_and_others_go_on() {
    for fault in [Fault::Fails(CommitError::NoSpace), Fault::AmbiguousLost] {
        let bench = Bench::new();
        let (lane, other) = (bench.committer.lane(), bench.committer.lane());
        bench.store.hold();
        bench.submit(&lane, 5, &room("a"), "fails");
        bench.store.wait_until_held();
        bench.store.inject([fault]);
        bench.submit(&lane, 5, &room("a"), "queued");
        bench.submit(&other, 5, &room("b"), "other");
        bench.store.release();
        let (name, result) = bench.answer();
        assert!(name == "fails" && !matches!(result, Err(CommitError::Io(_)) | Ok(_)));
        let (name, result) = bench.answer();
        assert!(
            name == "queued" && matches!(result, Err(CommitError::Io(_))),
            "{result:?}"
        );
        assert!(matches!(bench.answer(), ("other", Ok(_))));
        bench.submit(&lane, 5, &room("a"), "late");
        assert!(matches!(bench.answer(), ("late", Err(CommitError::Io(_)))));
        assert_eq!(get(&*bench.store, &room("a"), "k"), None);

        bench.submit(&lane, 6, &room("a"), "reset");
        assert!(matches!(bench.answer(), ("reset", Ok(_))));
        bench.submit(&lane, 5, &room("a"), "straggler");
        assert!(
            matches!(bench.answer(), ("straggler", Err(_))),
            "an old generation stays failed"
        );
        bench.submit(&bench.committer.lane(), 0, &room("a"), "next life");
        assert!(matches!(bench.answer(), ("next life", Ok(_))));
    }
}

#[test]
fn an_ambiguous_batch_may_have_been_written() {
    let bench = Bench::new();
    bench.store.inject([Fault::AmbiguousWritten]);
    bench.submit(&bench.committer.lane(), 0, &room("a"), "written");
    assert!(matches!(
        bench.answer(),
        ("written", Err(CommitError::Ambiguous(_)))
    ));
    assert_eq!(get(&*bench.store, &room("a"), "k").unwrap(), "written");
}

#[test]
fn shutdown_commits_what_is_queued_and_then_refuses() {
    let bench = Bench::new();
    let lane = bench.committer.lane();
    bench.store.hold();
    for name in ["first", "second", "third"] {
        bench.submit(&lane, 0, &room("a"), name);
    }
    bench.store.wait_until_held();
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| bench.committer.shutdown());
        bench.store.release();
        assert_eq!(ending.join().unwrap(), Ok(()));
    });
    for name in ["first", "second", "third"] {
        assert!(matches!(bench.answer(), (answered, Ok(_)) if answered == name));
    }
    bench.submit(&lane, 0, &room("a"), "too late");
    assert!(matches!(
        bench.answer(),
        ("too late", Err(CommitError::Io(_)))
    ));
    let directly = bench
        .store
        .commit(vec![batch(&room("a"), vec![put("k", "x")])]);
    assert!(directly[0].is_err(), "the store is closed");
    assert_eq!(bench.committer.shutdown(), Ok(()), "again does nothing");
}

#[test]
fn answers_come_on_the_committing_thread_and_a_panic_in_one_is_contained() {
    let bench = Bench::new();
    let lane = bench.committer.lane();
    let write = || batch(&room("a"), vec![put("k", "1")]);
    lane.submit(
        0,
        write(),
        Box::new(|_| panic!("a bug in the room's driver")),
    );
    let (done, name) = channel();
    let current = move |_| {
        let name = std::thread::current().name().map(str::to_owned);
        done.send(name).unwrap();
    };
    lane.submit(0, write(), Box::new(current));
    assert_eq!(name.recv().unwrap().as_deref(), Some("commit"));
}

/// A store with a bug.
struct Panicking;

impl Store for Panicking {
    fn commit(&self, _: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        panic!("a bug in the store")
    }

    fn reader(&self, _: &RoomKey) -> Box<dyn RoomReader> {
        unreachable!("this test reads nothing")
    }

    fn alarms(&self, _: Option<&RoomAlarm>, _: u64, _: usize) -> Result<Vec<RoomAlarm>, ReadError> {
        unreachable!("this test reads nothing")
    }

    fn rooms(&self, _: Option<&RoomKey>, _: usize) -> Result<Vec<RoomKey>, ReadError> {
        unreachable!("this test reads nothing")
    }

    fn close(&self) -> Result<(), CommitError> {
        Ok(())
    }
}

#[test]
fn a_panicking_store_leaves_its_batches_ambiguous() {
    let committer = Committer::start(Arc::new(Panicking)).unwrap();
    let (done, result) = channel();
    let write = batch(&room("a"), vec![put("k", "1")]);
    committer
        .lane()
        .submit(0, write, Box::new(move |result| done.send(result).unwrap()));
    assert!(matches!(
        result.recv().unwrap(),
        Err(CommitError::Ambiguous(_))
    ));
}
