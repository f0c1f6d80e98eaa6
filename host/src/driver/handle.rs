//! The way into a room: an inbox, and whoever finds the room free runs it.
//!
//! There is no task for a room. Whoever brings an input puts it into the inbox and tries to take
//! the room; the one who gets it runs until the inbox is empty, the others go on with their own
//! work. A message is so handled on the task that read it, without waking another, and a burst of
//! messages is handled by one. Nothing here waits: a room is never held across an await.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytestring::ByteString;
use parking_lot::Mutex;
use partykit_core::{
    ConnectionHandle, ConnectionInfo, Limits, Message, RequestHead, Response, RoomKey,
};
use partykit_rooms::{ExchangeId, Input, RequestBody, Room};
use tokio::sync::{Notify, mpsc, oneshot};

use super::cell::Cell;
use super::directory::Directory;
use crate::exchange::{PartSender, PiecesBody};
use crate::socket::Outbound;

/// Of one run of a room on somebody's task; some tenths of a millisecond of small messages.
const DELIVERIES_MAX: u32 = 64;

/// A room that is not idle.
const BUSY: u64 = u64::MAX;

/// How a handshake is answered.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// With 101.
    Open,
    /// With an HTTP response.
    Refused(Response),
}

/// One end of a connection that the room can reach.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) outbound: Arc<Outbound>,
    /// Taken when the handshake is answered.
    pub(crate) handshake: Option<oneshot::Sender<Handshake>>,
    /// It has said its last: the Close frame that the room answers with is the end of it here.
    pub(crate) is_leaving: bool,
}

/// One HTTP exchange as the room can reach it.
pub(crate) struct ExchangeEnds {
    /// Taken when the request is answered.
    pub(crate) answer: Option<oneshot::Sender<Answer>>,
    /// Asks for the next piece of the request's body, when that comes in pieces.
    pub(crate) pulls: Option<mpsc::UnboundedSender<()>>,
    /// The response's body, while it is written in pieces.
    pub(crate) parts: Option<PartSender>,
}

/// How a request is answered.
pub(crate) enum Answer {
    /// At once.
    Whole(Response),
    /// The head now, the body piece by piece.
    Pieces(Response, PiecesBody),
}

/// What is brought to a room.
pub(crate) enum Delivery {
    Connect {
        client: ConnectionInfo,
        request: RequestHead,
        peer: Peer,
    },
    Request {
        exchange: ExchangeId,
        head: RequestHead,
        body: RequestBody,
        ends: ExchangeEnds,
    },
    Input(Input),
}

impl Delivery {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Input(Input::Message { message, .. }) => message.len(),
            Self::Request {
                body: RequestBody::Whole(body),
                ..
            } => body.len(),
            _ => 0,
        };
        bytes as u64
    }
}

/// Why a delivery was not taken.
pub(crate) enum Refused {
    /// There is no space now; wait for [`RoomHandle::space`] and try again.
    Full(Box<Delivery>),
    /// The room was evicted; ask the directory for another one.
    Retired(Box<Delivery>),
}

#[derive(Default)]
struct Inbox {
    queue: VecDeque<Delivery>,
    bytes: u64,
    /// The room itself has as much waiting as it may.
    room_is_full: bool,
    /// Somebody was refused for want of space, and waits to be told that there is some.
    somebody_waits: bool,
    retired: bool,
}

impl Inbox {
    fn has_space(&self, limits: &Limits) -> bool {
        !self.room_is_full
            && (self.queue.len() as u64) < limits.mailbox_events_max
            && self.bytes < limits.mailbox_bytes_max
    }
}

/// One room of this host.
pub(crate) struct RoomHandle {
    pub(crate) key: RoomKey,
    pub(crate) directory: Arc<Directory>,
    /// Those the room was made with.
    pub(crate) limits: Arc<Limits>,
    inbox: Mutex<Inbox>,
    cell: Mutex<Cell>,
    space: Notify,
    stopped: AtomicBool,
    stop_seen: Notify,
    last_connection: AtomicU64,
    last_exchange: AtomicU64,
    /// [`BUSY`], or the clock's time since when nothing but durable state would be lost with it.
    idle_since_us: AtomicU64,
}

impl RoomHandle {
    pub(crate) fn new(
        key: RoomKey,
        room: Room,
        limits: Arc<Limits>,
        directory: Arc<Directory>,
    ) -> Self {
        let cell = Cell::new(room, directory.committer().lane());
        Self {
            key,
            directory,
            limits,
            inbox: Mutex::default(),
            cell: Mutex::new(cell),
            space: Notify::new(),
            stopped: AtomicBool::new(false),
            stop_seen: Notify::new(),
            last_connection: AtomicU64::new(0),
            last_exchange: AtomicU64::new(0),
            idle_since_us: AtomicU64::new(BUSY),
        }
    }

    /// Since when the room could be given up without losing anything; none while it could not.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let since = self.idle_since_us.load(Ordering::Relaxed);
        (since != BUSY).then_some(since)
    }

    pub(super) fn note_idle(&self, since_us: Option<u64>) {
        self.idle_since_us
            .store(since_us.unwrap_or(BUSY), Ordering::Relaxed);
    }

    /// A handle for a new connection.
    pub(crate) fn next_connection(&self) -> ConnectionHandle {
        ConnectionHandle(self.last_connection.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// An id for a new exchange.
    pub(crate) fn next_exchange(&self) -> ExchangeId {
        ExchangeId(self.last_exchange.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Brings something that may have to wait for space. Dropping the future before it is ready
    /// means that nothing was brought.
    pub(crate) async fn deliver(self: &Arc<Self>, delivery: Delivery) -> Result<(), Delivery> {
        let mut delivery = Box::new(delivery);
        loop {
            let space = self.space.notified();
            match self.try_deliver(*delivery) {
                Ok(()) => return Ok(()),
                Err(Refused::Retired(delivery)) => return Err(*delivery),
                Err(Refused::Full(back)) => delivery = back,
            }
            space.await;
        }
    }

    /// Brings a message without the cost of a future when there is space, as there nearly always
    /// is.
    pub(crate) fn try_deliver(self: &Arc<Self>, delivery: Delivery) -> Result<(), Refused> {
        {
            let mut inbox = self.inbox.lock();
            if inbox.retired {
                return Err(Refused::Retired(Box::new(delivery)));
            }
            if !inbox.has_space(&self.limits) {
                inbox.somebody_waits = true;
                return Err(Refused::Full(Box::new(delivery)));
            }
            inbox.bytes += delivery.bytes();
            inbox.queue.push_back(delivery);
        }
        self.run();
        Ok(())
    }

    /// Brings something that cannot wait and whose number is bounded elsewhere: ends of
    /// connections, ticks, commits, stops.
    pub(crate) fn tell(self: &Arc<Self>, input: Input) {
        self.put(input);
        self.run();
    }

    /// The same, but the turn that follows runs on another task: for callers who must go on.
    pub(crate) fn tell_later(self: &Arc<Self>, input: Input) {
        self.put(input);
        let room = self.clone();
        self.directory.runtime().spawn(async move { room.run() });
    }

    fn put(&self, input: Input) {
        let mut inbox = self.inbox.lock();
        if !inbox.retired {
            inbox.queue.push_back(Delivery::Input(input));
        }
    }

    /// Runs the room until its inbox is empty, unless somebody else does so already. Whoever has
    /// run it for long hands it on: the caller has a connection of its own to look after.
    fn run(self: &Arc<Self>) {
        let mut left = DELIVERIES_MAX;
        loop {
            let Some(mut cell) = self.cell.try_lock() else {
                return;
            };
            while left > 0
                && let Some(delivery) = self.take()
            {
                cell.step(self, delivery);
                left -= 1;
            }
            let retired = self.retire_if_wanted(&mut cell);
            drop(cell);
            // Whoever put something in while the room was held has gone away trusting us.
            if retired || self.inbox.lock().queue.is_empty() {
                return;
            }
            if left == 0 {
                let room = self.clone();
                self.directory.runtime().spawn(async move { room.run() });
                return;
            }
        }
    }

    fn take(&self) -> Option<Delivery> {
        let mut inbox = self.inbox.lock();
        let delivery = inbox.queue.pop_front()?;
        inbox.bytes -= delivery.bytes();
        Some(delivery)
    }

    /// The room has taken something: whoever waits for space may try again.
    pub(super) fn note_space(&self, room_is_full: bool) {
        let mut inbox = self.inbox.lock();
        inbox.room_is_full = room_is_full;
        let wake = inbox.somebody_waits && inbox.has_space(&self.limits);
        if wake {
            inbox.somebody_waits = false;
        }
        drop(inbox);
        if wake {
            self.space.notify_waiters();
        }
    }

    /// An evicted room takes nothing any more; one that got something meanwhile lives on.
    fn retire_if_wanted(&self, cell: &mut Cell) -> bool {
        if !std::mem::take(&mut cell.evict) {
            return false;
        }
        let mut inbox = self.inbox.lock();
        if !inbox.queue.is_empty() {
            return false;
        }
        inbox.retired = true;
        drop(inbox);
        if let Some(wake_timer) = cell.wake_timer.take() {
            wake_timer.abort();
        }
        self.directory.forget(self);
        self.stopped.store(true, Ordering::Release);
        self.stop_seen.notify_waiters();
        self.space.notify_waiters();
        true
    }

    /// Ready when the room has been evicted.
    pub(crate) async fn retired(&self) {
        loop {
            let seen = self.stop_seen.notified();
            if self.stopped.load(Ordering::Acquire) {
                return;
            }
            seen.await;
        }
    }

    /// A message was read. While it waits for space its connection is not read, and so is not to
    /// be taken for a silent one.
    pub(crate) async fn message(
        self: &Arc<Self>,
        sender: ConnectionHandle,
        message: Message,
        outbound: &Outbound,
    ) {
        let delivery = Delivery::Input(Input::Message { sender, message });
        if let Err(Refused::Full(delivery)) = self.try_deliver(delivery) {
            outbound.hold_heartbeat(true);
            // A retired room has no connections: there is nobody to tell.
            let _ = self.deliver(*delivery).await;
            outbound.hold_heartbeat(false);
        }
    }
}

/// What room code reads as the connection's id.
pub(crate) fn random_connection_id() -> ByteString {
    uuid::Uuid::new_v4().to_string().into()
}
