//! The room map: one handle for each room that exists on this host, made when it is first asked
//! for. Making one is cheap and cannot fail half way: its guest is started by the first input.
//! There are at most `max_resident_rooms`: when one more is asked for, those that have been idle
//! for longest make room for it, and when none is idle it is refused (`admission.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use partykit_core::{Clock, Entropy, GuestFactory, Limits, PartyName, ProjectName, RoomKey, Store};
use partykit_rooms::{CacheBudget, Input, Room, RoomParts};
use partykit_storage::Committer;
use tokio::runtime;

use super::RoomHandle;
use super::admission::Admission;
use super::alarms::Alarms;
use crate::clock::{OsEntropy, SystemClock};
use crate::error::RouteError;
use crate::log::LogSink;

/// What rooms are made of. Replaced as a whole by new code; rooms that exist keep theirs.
#[derive(Clone)]
pub(crate) struct RoomMaker {
    /// Whose code it is.
    pub(crate) project: ProjectName,
    pub(crate) limits: Arc<Limits>,
    /// None as long as there is no code.
    pub(crate) factory: Option<Arc<dyn GuestFactory>>,
}

/// All rooms of the host.
pub(crate) struct Directory {
    rooms: RwLock<Rooms>,
    maker: RwLock<Arc<RoomMaker>>,
    admission: Admission,
    clock: Arc<SystemClock>,
    entropy: Arc<dyn Entropy>,
    store: Arc<dyn Store>,
    committer: Committer,
    alarms: Arc<Alarms>,
    cache_budget: Arc<CacheBudget>,
    log: Arc<dyn LogSink>,
    runtime: runtime::Handle,
}

/// What all rooms together may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// `max_resident_rooms`, computed if nobody has set it.
    pub(crate) rooms: usize,
    /// `alarms_in_flight_max`.
    pub(crate) alarms_in_flight: usize,
    /// `storage_cache_bytes_total_max`.
    pub(crate) cache_bytes: u64,
}

#[derive(Default)]
struct Rooms {
    by_key: HashMap<RoomKey, Arc<RoomHandle>>,
    closed: bool,
}

impl Directory {
    pub(crate) fn new(
        maker: RoomMaker,
        store: Arc<dyn Store>,
        log: Arc<dyn LogSink>,
        bounds: Bounds,
    ) -> std::io::Result<Self> {
        Ok(Self {
            rooms: RwLock::default(),
            maker: RwLock::new(Arc::new(maker)),
            admission: Admission::new(bounds.rooms),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(OsEntropy),
            committer: Committer::start(store.clone())?,
            store,
            alarms: Arc::new(Alarms::new(bounds.alarms_in_flight)),
            cache_budget: Arc::new(CacheBudget::new(bounds.cache_bytes)),
            log,
            runtime: runtime::Handle::current(),
        })
    }

    /// The room, made if it is not there.
    pub(crate) fn get_or_create(
        self: &Arc<Self>,
        key: &RoomKey,
    ) -> Result<Arc<RoomHandle>, RouteError> {
        if let Some(room) = self.rooms.read().by_key.get(key) {
            return Ok(room.clone());
        }
        if self.is_full() {
            self.make_space();
        }
        let mut rooms = self.rooms.write();
        if let Some(room) = rooms.by_key.get(key) {
            return Ok(room.clone());
        }
        if rooms.closed {
            return Err(RouteError::Stopping);
        }
        // Looked at under the lock: whoever replaces it then ends all rooms of the one before.
        let maker = self.maker();
        let factory = maker.factory.clone().ok_or(RouteError::NoCode)?;
        if rooms.by_key.len() >= self.admission.max {
            drop(rooms);
            self.admission.refused(self.clock.now(), self.log());
            return Err(RouteError::HostFull {
                max: self.admission.max,
            });
        }
        let room = Room::new(RoomParts {
            key: key.clone(),
            limits: maker.limits.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            store: self.store.clone(),
            factory,
            cache_budget: self.cache_budget.clone(),
        });
        let room = Arc::new(RoomHandle::new(
            key.clone(),
            room,
            maker.limits.clone(),
            self.clone(),
        ));
        rooms.by_key.insert(key.clone(), room.clone());
        Ok(room)
    }

    fn is_full(&self) -> bool {
        self.rooms.read().by_key.len() >= self.admission.max
    }

    /// Asks the rooms that have been idle for longest to give themselves up, which they do before
    /// this returns unless something has come for them meanwhile.
    fn make_space(&self) {
        let now = self.clock.now();
        if !self.admission.may_look(now) {
            return;
        }
        let idle = {
            let rooms = self.rooms.read();
            let since = |room: &Arc<RoomHandle>| Some((room.idle_since()?, room.clone()));
            Admission::oldest(rooms.by_key.values().filter_map(since))
        };
        self.admission.found(idle.len(), now);
        for room in idle {
            room.tell(Input::Rest);
        }
    }

    /// Removes a room that has retired, unless another one has taken its place.
    pub(crate) fn forget(&self, room: &RoomHandle) {
        let mut rooms = self.rooms.write();
        if rooms
            .by_key
            .get(&room.key)
            .is_some_and(|found| std::ptr::eq(found.as_ref(), room))
        {
            rooms.by_key.remove(&room.key);
        }
        drop(rooms);
        // What it was handed and has not answered is looked for again.
        self.alarms.over(&room.key, self.clock.now().unix_us / 1000);
    }

    /// Whether rooms of this name are made of the code that runs now.
    pub(super) fn serves(&self, key: &RoomKey) -> bool {
        key.project == self.maker().project && key.party == PartyName::main()
    }

    /// New rooms are made with new code from now on.
    pub(crate) fn replace_maker(&self, maker: RoomMaker) {
        let before = std::mem::replace(&mut *self.maker.write(), Arc::new(maker));
        if before.factory.is_none() {
            let now_ms = self.clock.now().unix_us / 1000;
            self.alarms.go_on(now_ms);
        }
    }

    /// Ends every room and returns when they are gone: connections are closed, handlers finish or
    /// are cut off after `drain_ms`, writes are durable.
    pub(crate) async fn stop_rooms(&self, code: u16, reason: &'static str, drain_ms: u64) {
        let rooms: Vec<_> = self.rooms.read().by_key.values().cloned().collect();
        for room in &rooms {
            room.tell(Input::Stop {
                code,
                reason,
                drain_ms,
            });
        }
        for room in &rooms {
            room.retired().await;
        }
    }

    /// No room is made any more.
    pub(crate) fn close(&self) {
        self.rooms.write().closed = true;
        self.alarms.close();
    }

    pub(crate) fn maker(&self) -> Arc<RoomMaker> {
        self.maker.read().clone()
    }

    pub(crate) fn clock(&self) -> &SystemClock {
        &self.clock
    }

    pub(crate) fn shared_clock(&self) -> Arc<SystemClock> {
        self.clock.clone()
    }

    pub(crate) fn alarms(&self) -> &Arc<Alarms> {
        &self.alarms
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn committer(&self) -> &Committer {
        &self.committer
    }

    pub(crate) fn log(&self) -> &dyn LogSink {
        self.log.as_ref()
    }

    pub(crate) fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }
}
