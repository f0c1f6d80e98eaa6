//! Alarms of a whole host: none fires before it is durable, all of them fire whatever rooms there
//! are, and few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use partykit_core::{
    Alarm, CommitError, CommitSeq, PartyName, ProjectName, ReadError, RoomAlarm, RoomBatch, RoomId,
    RoomKey, RoomReader, Store, WriteOp,
};
use partykit_storage::StorageConfig;

use crate::stage::{Stage, deployment};

fn key(project: &str, room: &str) -> RoomKey {
    RoomKey {
        project: ProjectName::parse(project).unwrap(),
        party: PartyName::main(),
        room: RoomId::parse(room).unwrap(),
    }
}

/// A store in which these rooms have an alarm that has been due since 1970.
fn stored(rooms: impl Iterator<Item = RoomKey>) -> Arc<dyn Store> {
    stored_from(0, rooms)
}

/// The same, for alarms from that moment on.
fn stored_from(first_ms: u64, rooms: impl Iterator<Item = RoomKey>) -> Arc<dyn Store> {
    let store = partykit_storage::open(&StorageConfig::Memory).unwrap();
    let batch = |(index, room)| {
        let at_ms = first_ms + index as u64;
        let alarm = Alarm { at_ms, failures: 0 };
        RoomBatch {
            room,
            epoch: 1,
            writes: vec![WriteOp::Alarm(Some(alarm))],
        }
    };
    let batches: Vec<_> = rooms.enumerate().map(batch).collect();
    assert!(store.commit(batches).iter().all(Result::is_ok));
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_fires_when_it_is_durable_and_not_before() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    stage.store.hold();
    socket.say("alarm 0").await;
    stage.held().await;
    // It is due, and the room goes on meanwhile.
    socket.say("again").await;
    stage.logged("ran again").await;
    assert_eq!(stage.count_logged("alarm of"), 0);
    stage.store.release();
    stage.logged("alarm of r ").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_that_sets_another_one_is_followed_by_it() {
    let stage = Stage::new().await;
    let mut socket = stage.socket().await;
    socket.say("alarm 20 again").await;
    stage.logged("alarm of r again").await;
    stage.logged("alarm of r ").await;
    stage.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alarm_that_a_host_finds_fires_in_order_few_at_a_time_and_beyond_its_rooms() {
    let rooms = (0..700).map(|index| key("gate", &format!("room-{index}")));
    let foreign = [key("other", "of-another-project")].into_iter();
    let store = stored(foreign.chain(rooms));
    let stage = Stage::on(store.clone(), |config| {
        config.host.alarms_in_flight_max = 3;
        config.host.max_resident_rooms = Some(10);
    })
    .await;
    stage.logged_times("alarm of room-", 700).await;
    let distinct = (0..700).filter(|index| {
        let line = format!("alarm of room-{index} undefined");
        stage.count_logged(&line) == 1
    });
    assert_eq!(distinct.count(), 700);
    stage.shutdown().await;
    let left = store.alarms(None, u64::MAX, 10).unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|alarm| alarm.room.project.as_str())
        .collect();
    assert_eq!(left, ["other"], "what is none of this host's stays");
}

/// Counts how many alarms were read.
struct Counting {
    inner: Arc<dyn Store>,
    read: AtomicUsize,
}

impl Store for Counting {
    fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
        self.inner.commit(batches)
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
        let found = self.inner.alarms(after, until_ms, limit)?;
        self.read.fetch_add(found.len(), Ordering::Relaxed);
        Ok(found)
    }

    fn rooms(&self, after: Option<&RoomKey>, limit: usize) -> Result<Vec<RoomKey>, ReadError> {
        self.inner.rooms(after, limit)
    }

    fn close(&self) -> Result<(), CommitError> {
        self.inner.close()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_pending_alarms_cost_those_that_are_due_nothing() {
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_hours(24);
    let tomorrow = tomorrow.duration_since(std::time::UNIX_EPOCH).unwrap();
    let first_ms = u64::try_from(tomorrow.as_millis()).unwrap();
    let rooms = (0..100_000).map(|index| key("gate", &format!("room-{index}")));
    let inner = stored_from(first_ms, rooms);
    let read = AtomicUsize::new(0);
    let store = Arc::new(Counting { inner, read });
    let stage = Stage::on(store.clone(), |_| ()).await;
    let mut socket = stage.socket().await;
    for round in ["one", "two", "three"] {
        socket.say(&format!("alarm 10 {round}")).await;
        stage.logged(&format!("alarm of r {round}")).await;
    }
    stage.shutdown().await;
    let read = store.read.load(Ordering::Relaxed);
    assert!(read < 30, "{read} alarms were read for three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_waits_holds_up_nobody_but_its_own_place() {
    let rooms = (0..3).map(|index| key("gate", &format!("room-{index}")));
    let stage = Stage::on(stored(rooms), |config| {
        config.host.alarms_in_flight_max = 2;
        config.host.drain_ms = 50;
    })
    .await;
    stage.logged_times("alarm of room-", 3).await;
    let mut socket = stage.socket().await;
    socket.say("alarm 0 wait").await;
    stage.logged("alarm of r wait").await;
    socket.say("after").await;
    socket.until(b"k is rung").await;
    // New code: the handler is cut off, and its alarm is found again by the next room.
    stage.host.swap(deployment(AGAIN)).await;
    stage.logged("again").await;
    stage.shutdown().await;
}

const AGAIN: &str = "export default class { onAlarm() { console.log('again'); } }";
