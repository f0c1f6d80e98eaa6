//! A real room with a real JavaScript guest, driven without sockets: what the host's driver does
//! between reading a frame and writing one, and nothing else.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use partykit_core::{
    Clock, ConnectionHandle, ConnectionInfo, Entropy, GuestFactory, Limits, Message, Now,
    PartyName, ProjectName, Refusal, RequestHead, RoomId, RoomKey, Store,
};
use partykit_rooms::{Action, CacheBudget, ExchangeId, Input, RequestBody, Room, RoomParts};
use partykit_storage::StorageConfig;

use crate::failure::Failure;

/// Where clients think that the room is.
pub(crate) const URL: &str = "http://127.0.0.1:1999/parties/main/bench";
/// What roomload's requests say, with what the host adds.
pub(crate) const HEADERS: [(&str, &str); 4] = [
    ("host", "127.0.0.1:1999"),
    ("accept", "*/*"),
    ("cf-connecting-ip", "127.0.0.1"),
    ("x-real-ip", "127.0.0.1"),
];

/// What rooms are made of.
pub(crate) struct Rooms {
    factory: Arc<dyn GuestFactory>,
    store: Arc<dyn Store>,
    clock: Arc<SystemClock>,
}

/// One room and its connections, numbered from 1.
pub(crate) struct OpenRoom {
    room: Room,
    store: Arc<dyn Store>,
    clock: Arc<SystemClock>,
    actions: Vec<Action>,
}

impl Rooms {
    pub(crate) fn new(factory: Arc<dyn GuestFactory>) -> Result<Self, Failure> {
        let store = partykit_storage::open(&StorageConfig::Memory)?;
        let clock = Arc::new(SystemClock(Instant::now()));
        Ok(Self {
            factory,
            store,
            clock,
        })
    }

    /// Starts a room with its first connection: the time until this returns is that from nothing
    /// to the answered handshake.
    pub(crate) fn open(&self, id: &str) -> Result<OpenRoom, Failure> {
        let key = RoomKey {
            project: ProjectName::parse("bench")?,
            party: PartyName::main(),
            room: RoomId::parse(id)?,
        };
        let room = Room::new(RoomParts {
            key,
            limits: Arc::new(Limits::default()),
            clock: self.clock.clone(),
            entropy: Arc::new(OsEntropy),
            store: self.store.clone(),
            factory: self.factory.clone(),
            cache_budget: Arc::new(CacheBudget::new(u64::MAX)),
        });
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let mut room = OpenRoom {
            room,
            store,
            clock,
            actions: Vec::new(),
        };
        room.connect(1)?;
        Ok(room)
    }
}

impl OpenRoom {
    /// Adds a connection.
    pub(crate) fn connect(&mut self, number: u64) -> Result<(), Failure> {
        let handle = ConnectionHandle(number);
        let id = format!("bench-{number}").into();
        let client = ConnectionInfo {
            handle,
            id,
            uri: URL.into(),
        };
        let request = request_head();
        self.step(Input::Connect { client, request })?;
        let accepted = |action: &Action| match action {
            Action::Accept { connection } => *connection == handle,
            _ => false,
        };
        self.expect(accepted, "a connection was not accepted")
    }

    /// The turn of a message from the first connection that is answered with itself.
    pub(crate) fn echo(&mut self, message: &Message) -> Result<(), Failure> {
        self.say(message)?;
        let echoed = |action: &Action| match action {
            Action::Send { message: sent, .. } => sent == message,
            _ => false,
        };
        self.expect(echoed, "no echo")
    }

    /// The turn of a message that goes to so many connections.
    pub(crate) fn broadcast(&mut self, message: &Message, to: usize) -> Result<(), Failure> {
        self.say(message)?;
        let broadcast = |action: &Action| match action {
            Action::Broadcast { connections, .. } => connections.len() == to,
            _ => false,
        };
        self.expect(broadcast, "no broadcast to everybody")
    }

    /// The turn of a message that counts in storage, and its commit.
    pub(crate) fn count(&mut self, message: &Message) -> Result<(), Failure> {
        self.say(message)?;
        let sent = |action: &Action| matches!(action, Action::Send { .. });
        self.expect(sent, "no number")
    }

    /// The turn of a GET.
    pub(crate) fn request(&mut self) -> Result<(), Failure> {
        self.step(Input::Request {
            exchange: ExchangeId(1),
            head: request_head(),
            body: RequestBody::None,
        })?;
        let answered = |action: &Action| match action {
            Action::Respond { response, .. } => response.status == 200,
            _ => false,
        };
        self.expect(answered, "no answer to a request")
    }

    /// Size of the guest's memory, whether it uses it or not.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.room.guest_memory_bytes().unwrap_or(0)
    }

    fn say(&mut self, message: &Message) -> Result<(), Failure> {
        let message = message.clone();
        self.step(Input::Message {
            sender: ConnectionHandle(1),
            message,
        })
    }

    /// One step, and those that answer its commits.
    fn step(&mut self, input: Input) -> Result<(), Failure> {
        self.actions.clear();
        self.room.step(input, self.clock.now(), &mut self.actions);
        let is_commit = |action: &Action| matches!(action, Action::Commit { .. });
        while let Some(position) = self.actions.iter().position(is_commit) {
            if let Action::Commit { batch, writes, .. } = self.actions.remove(position) {
                let result = self
                    .store
                    .commit(vec![writes])
                    .pop()
                    .ok_or("no commit's result")?;
                let committed = Input::Committed { batch, result };
                self.room
                    .step(committed, self.clock.now(), &mut self.actions);
            }
        }
        Ok(())
    }

    fn expect(&self, wanted: impl Fn(&Action) -> bool, missing: &str) -> Result<(), Failure> {
        if self.actions.iter().any(wanted) {
            return Ok(());
        }
        Err(format!("{missing}: {:?}", self.actions).into())
    }
}

fn request_head() -> RequestHead {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let headers = HEADERS.map(owned).to_vec();
    RequestHead {
        method: "GET".to_owned(),
        url: URL.to_owned(),
        headers,
    }
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let micros = |duration: std::time::Duration| duration.as_micros().try_into().unwrap_or(0);
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic_us: micros(self.0.elapsed()),
            unix_us: micros(unix),
        }
    }
}

struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Refusal> {
        getrandom::fill(bytes).map_err(|error| Refusal::Internal(error.to_string()))
    }
}
